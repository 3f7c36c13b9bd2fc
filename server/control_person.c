/* SPDX-License-Identifier: ISC
 *
 * control_person.c - what godwitctl can say and ask of a user's entry in the address
 * list.
 *
 * user set ADDRESS FIELD VALUE
 * user show ADDRESS
 *
 * FIELD: name, hidden (yes or no), the fields of store_person.h; photo and certificate,
 * whose VALUE is a file's bytes in base64url (godwitctl reads the file); an empty VALUE
 * takes away.
 */
#include "base/cert.h"
#include "base/encode.h"
#include "server/control_private.h"
#include "store/store_person.h"

#define FILE_MAX_BYTES (48 * 1024) /* what a line of the control socket can carry */

static const char *const words[STORE_PERSON_FIELD_N] = {
#define X(name, column, word) [STORE_PERSON_##name] = word,
	STORE_PERSON_LIST(X)
#undef X
};

static enum rc
set_hidden(struct control_request *r, struct span address, struct span value)
{
	if (!span_is(value, "yes") && !span_is(value, "no"))
		return err_set(&r->err, RC_INVALID, "hidden is yes or no");
	return store_person_set_hidden(control_store(r), address, span_is(value, "yes"));
}

static enum rc
set_photo(struct control_request *r, struct span address, struct span value)
{
	AUTO_DONE(buf) struct buf image = BUF_INIT(FILE_MAX_BYTES);
	enum rc rc = base64url_decode(value, &image);
	if (rc == RC_OK)
		rc = store_person_set_photo(control_store(r), address, buf_span(&image));
	if (rc == RC_INVALID)
		return err_set(&r->err, rc, "the photo is neither JPEG nor PNG");
	return rc;
}

static enum rc
add_certificate(struct control_request *r, struct span address, struct span value)
{
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(FILE_MAX_BYTES);
	AUTO_DONE(buf) struct buf der = BUF_INIT(FILE_MAX_BYTES);
	enum rc rc = base64url_decode(value, &bytes);
	if (rc == RC_OK && value.n > 0)
		rc = cert_read(buf_span(&bytes), &der);
	if (rc == RC_INVALID)
		return err_set(&r->err, rc, "no certificate can be read from that");
	return rc != RC_OK ? rc
	                   : store_person_add_certificate(control_store(r), address,
	                                                  buf_span(&der));
}

enum rc
control_person_set(struct control_request *r, struct span address, struct span field,
                   struct span value)
{
	enum store_person_field f;
	enum rc rc;
	if (span_is(field, "name"))
		rc = store_person_set_name(control_store(r), address, value);
	else if (span_is(field, "hidden"))
		rc = set_hidden(r, address, value);
	else if (span_is(field, "photo"))
		rc = set_photo(r, address, value);
	else if (span_is(field, "certificate"))
		rc = add_certificate(r, address, value);
	else if (store_person_field(field, &f) == RC_OK)
		rc = store_person_set(control_store(r), address, f, value);
	else
		return err_set(&r->err, RC_INVALID, "\"%.*s\" is no field of a user",
		               SPAN_FMT(field));
	return rc == RC_OK || *r->err.text ? rc : control_explain(r, rc, address);
}

enum rc
control_user_set(struct control_request *r, const struct span *args, size_t n UNUSED)
{
	return control_person_set(r, args[0], args[1], args[2]);
}

static void
show_row(struct control_request *r, const char *what, struct span value)
{
	buf_addf(&r->out, "%s\t", what);
	control_cell(r, value.n ? value : SPAN("-"));
	control_end_row(r);
}

enum rc
control_user_show(struct control_request *r, const struct span *args, size_t n UNUSED)
{
	struct store_user user;
	struct store_person p;
	struct span photo, *certificates;
	size_t n_certificates;
	enum rc rc = store_user_find(control_store(r), args[0], r->arena, &user);
	if (rc == RC_OK)
		rc = store_person_load(control_store(r), user.id, r->arena, &p);
	if (rc == RC_OK)
		rc = store_person_photo(control_store(r), user.id, r->arena, &photo);
	if (rc == RC_OK)
		rc = store_person_certificates(control_store(r), user.id, r->arena,
		                               &certificates, &n_certificates);
	if (rc != RC_OK)
		return control_explain(r, rc, args[0]);
	show_row(r, "address", p.address);
	show_row(r, "name", p.name);
	for (size_t i = 0; i < STORE_PERSON_FIELD_N; i++)
		show_row(r, words[i], p.text[i]);
	show_row(r, "hidden", p.hidden ? SPAN("yes") : SPAN("no"));
	show_row(r, "photo", span_str(arena_printf(r->arena, "%zu bytes", photo.n)));
	show_row(r, "certificates",
	         span_str(arena_printf(r->arena, "%zu", n_certificates)));
	return RC_OK;
}
