/* SPDX-License-Identifier: ISC
 *
 * fuzz_smtp_parse.c - lines, data, paths, parameters, headers: what has no I/O.
 */
#include <stdlib.h>

#include "smtp/smtp_host.h"
#include "smtp/smtp_line.h"
#include "smtp/smtp_message.h"
#include "smtp/smtp_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_path(struct span in)
{
	struct arena *a = arena_new();
	struct smtp_path path, again;
	struct smtp_param param;
	struct smtp_host host;
	struct span rest;
	if (smtp_parse_path(in, a, &path, &rest) == RC_OK) {
		/* What was accepted is accepted again, as the same address. */
		if (path.domain.n && (smtp_parse_mailbox(path.address, a, &again) ||
		                      !span_eq(again.address, path.address)))
			abort();
		for (size_t i = 0; i < path.address.n; i++)
			if ((unsigned char)path.address.p[i] < 0x20)
				abort();
		while (smtp_parse_param(&rest, &param) == RC_OK) {
			smtp_xtext_is_valid(param.value);
			if (smtp_notify_is_valid(param.value))
				smtp_notify_has(param.value, "SUCCESS");
		}
	}
	if (smtp_host_parse(in, 25, &host) == RC_OK && !host.port)
		abort();
	arena_free(a);
}

static void
check_lines(struct span in)
{
	struct span line;
	size_t used;
	while (in.n) {
		enum smtp_line r = smtp_line_next(in, 1000, &line, &used);
		if (r == SMTP_LINE_MORE || r == SMTP_LINE_LONG)
			break;
		if (used != line.n + 2 || in.p[used - 2] != '\r' ||
		    in.p[used - 1] != '\n')
			abort();
		if (r == SMTP_LINE_OK && line.n &&
		    (memchr(line.p, '\r', line.n) || memchr(line.p, '\n', line.n)))
			abort();
		check_path(span_sub(line, 0, line.n));
		in = span_sub(in, used, in.n);
	}
}

/* The end of data is where the independent rule says: CRLF.CRLF, or .CRLF at the start.
 */
static size_t
end_of_data(struct span in)
{
	if (span_starts(in, ".\r\n"))
		return 3;
	for (size_t i = 0; i + 5 <= in.n; i++)
		if (memcmp(in.p + i, "\r\n.\r\n", 5) == 0)
			return i + 5;
	return 0;
}

static void
check_data(struct span in, size_t step)
{
	struct buf whole = BUF_INIT(0), pieces = BUF_INIT(0);
	struct smtp_data a, b;
	smtp_data_init(&a, &whole);
	smtp_data_init(&b, &pieces);
	size_t used = smtp_data_feed(&a, in), sum = 0;
	for (size_t at = 0; at < in.n; at += step)
		sum += smtp_data_feed(&b, span_sub(in, at, at + step));
	if (used != sum || a.at != b.at || a.bare != b.bare || a.nul != b.nul ||
	    !span_eq(buf_span(&whole), buf_span(&pieces)))
		abort();
	size_t end = end_of_data(in);
	if ((a.at == SMTP_DATA_AT_END) != (end != 0) || (end && used != end))
		abort();
	buf_done(&whole);
	buf_done(&pieces);
}

static void
check_message(struct span in)
{
	struct smtp_header h, again;
	struct buf out = BUF_INIT(0);
	smtp_header_scan(in, &h);
	smtp_submission_write(in, "mx.example.org", 0, &out);
	smtp_header_scan(buf_span(&out), &again);
	if (!again.has_date || !again.has_message_id || again.has_bcc)
		abort();
	buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	struct span in = span_of((const char *)data + 1, size - 1);
	check_lines(in);
	check_path(in);
	check_data(in, 1u + data[0]);
	check_message(in);
	return 0;
}
