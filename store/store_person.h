/* SPDX-License-Identifier: ISC
 *
 * store_person.h - what the address list shows of a user: beside the directory's row.
 *
 * Who has nothing of it is shown with name and address. Calls open and commit their own
 * short transaction; they may block: workers only.
 */
#ifndef STORE_STORE_PERSON_H
#define STORE_STORE_PERSON_H

#include "store/store_directory.h"

/* The texts: name in the code, column, and word of godwitctl. */
#define STORE_PERSON_LIST(X)                                                             \
	X(FIRST_NAME, first_name, "first-name")                                          \
	X(LAST_NAME, last_name, "last-name")                                             \
	X(ALIAS, alias, "alias")                                                         \
	X(PHONE, phone, "phone")                                                         \
	X(HOME_PHONE, home_phone, "home-phone")                                          \
	X(MOBILE, mobile, "mobile")                                                      \
	X(OFFICE, office, "office")                                                      \
	X(TITLE, title, "title")                                                         \
	X(COMPANY, company, "company")

enum store_person_field {
#define X(name, column, word) STORE_PERSON_##name,
	STORE_PERSON_LIST(X)
#undef X
};
#define STORE_PERSON_FIELD_N 9

struct store_person {
	uint64_t user;
	struct span address;
	struct span name; /* the directory's; may be empty */
	struct span text[STORE_PERSON_FIELD_N];
	bool hidden; /* from the address list */
};

#define STORE_PERSON_TEXT_MAX 255           /* bytes */
#define STORE_PERSON_PHOTO_MAX (256 * 1024) /* bytes; JPEG or PNG */
#define STORE_PERSON_CERTIFICATES_MAX (64 * 1024)

/* By the word; RC_NOT_FOUND. */
enum rc store_person_field(struct span word, enum store_person_field *ret) MUST_CHECK;

/* Users of the domain (empty: all) by address; hidden ones too. Arrays in a. */
enum rc store_person_list(struct store *s, struct span domain, struct arena *a,
                          struct store_person **ret, size_t *ret_n) MUST_CHECK;
enum rc store_person_load(struct store *s, uint64_t user, struct arena *a,
                          struct store_person *ret) MUST_CHECK;

/* Of the user with the address: RC_NOT_FOUND. An empty text takes it away. RC_INVALID:
 * not UTF-8, control characters, too long. */
enum rc store_person_set(struct store *s, struct span address,
                         enum store_person_field field, struct span text) MUST_CHECK;
enum rc
store_person_set_name(struct store *s, struct span address, struct span name) MUST_CHECK;
enum rc
store_person_set_hidden(struct store *s, struct span address, bool hidden) MUST_CHECK;
/* RC_INVALID: neither JPEG nor PNG; RC_TOO_BIG. Empty: none. */
enum rc store_person_set_photo(struct store *s, struct span address,
                               struct span image) MUST_CHECK;
/* One X.509 certificate (DER) more, the newest first. RC_TOO_BIG: they are too many. The
 * caller has looked whether it is one. Empty: takes all away. */
enum rc store_person_add_certificate(struct store *s, struct span address,
                                     struct span der) MUST_CHECK;
/* Bytes in a, empty without. */
enum rc store_person_photo(struct store *s, uint64_t user, struct arena *a,
                           struct span *ret) MUST_CHECK;
enum rc store_person_certificates(struct store *s, uint64_t user, struct arena *a,
                                  struct span **ret, size_t *ret_n) MUST_CHECK;

#endif
