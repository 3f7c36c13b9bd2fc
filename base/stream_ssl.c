/* SPDX-License-Identifier: ISC
 *
 * stream_ssl.c - a stream through OpenSSL: all handshakes, TLS 1.2, and the client's
 * side.
 *
 * OpenSSL writes through a BIO of ours that takes everything: what the socket does not
 * take lies in the stream (wire) until it does. So no SSL call ever wants to write, none
 * must be repeated with the same bytes, and a KeyUpdate that the peer asks for in the
 * middle of our full socket does no harm (OpenSSL 3.0 fails with "bad length" then).
 */
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/stream_private.h"

void
stream_fail_ssl(struct stream *s, int ssl_error)
{
	char text[256];
	int e = errno;

	s->broken = true;
	if (ssl_error == SSL_ERROR_SYSCALL && ERR_peek_error() == 0) {
		if (e == 0)
			s->eof = true;
		else
			stream_fail_errno(s, e);
		return;
	}
	stream_fail(s, STREAM_END_TLS, tls_take_error(s->ssl, text, sizeof(text)));
}

size_t
stream_ssl_read(struct stream *s, char *p, size_t room)
{
	size_t n;
	int e;

	if (s->broken)
		return 0;
	ERR_clear_error();
	errno = 0;
	if (SSL_read_ex(s->ssl, p, room, &n) == 1)
		return n;
	e = SSL_get_error(s->ssl, 0);
	switch (e) {
	case SSL_ERROR_WANT_READ:
		break;
	case SSL_ERROR_ZERO_RETURN:
		s->eof = true;
		break;
	default:
		stream_fail_ssl(s, e);
		break;
	}
	return 0;
}

size_t
stream_ssl_write(struct stream *s, const char *p, size_t n)
{
	size_t written;
	int e;

	if (s->broken)
		return 0;
	ERR_clear_error();
	errno = 0;
	if (SSL_write_ex(s->ssl, p, n, &written) == 1)
		return written;
	e = SSL_get_error(s->ssl, 0);
	if (e == SSL_ERROR_ZERO_RETURN)
		s->eof = true;
	else
		stream_fail_ssl(s, e);
	return 0;
}

/* --- OpenSSL's way to the socket --- */

static BIO_METHOD *bio_method;
static pthread_once_t bio_once = PTHREAD_ONCE_INIT;

static int
on_bio_write(BIO *bio, const char *p, size_t n, size_t *written)
{
	BIO_clear_retry_flags(bio);
	if (!stream_send(BIO_get_data(bio), p, n))
		return 0;
	*written = n;
	return 1;
}

static int
on_bio_read(BIO *bio, char *p, size_t room, size_t *got)
{
	struct stream *s = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	do
		n = recv(stream_fd(s), p, room, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		*got = (size_t)n;
		return 1;
	}
	if (n == 0)
		s->wire_eof = true;
	else if (errno == EAGAIN)
		BIO_set_retry_read(bio);
	return 0;
}

static long
on_bio_ctrl(BIO *bio, int cmd, long num UNUSED, void *ptr UNUSED)
{
	const struct stream *s = BIO_get_data(bio);

	switch (cmd) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_EOF:
		return s->wire_eof;
	default:
		return 0;
	}
}

static void
make_bio_method(void)
{
	bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
	if (bio_method == NULL)
		abort();
	BIO_meth_set_write_ex(bio_method, on_bio_write);
	BIO_meth_set_read_ex(bio_method, on_bio_read);
	BIO_meth_set_ctrl(bio_method, on_bio_ctrl);
}

bool
stream_attach_ssl(struct stream *s, SSL *ssl)
{
	BIO *bio;

	pthread_once(&bio_once, make_bio_method);
	bio = BIO_new(bio_method);
	if (bio == NULL)
		return false;
	BIO_set_data(bio, s);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	return true;
}
