/* SPDX-License-Identifier: ISC
 *
 * store_directory.h - domains, users and aliases: who there is, apart from users' data.
 *
 * Names are compared in lower case; domains as A-labels (IDNA), local parts as UTF-8.
 * Calls open and commit their own short transaction; they may block: workers only.
 */
#ifndef STORE_STORE_DIRECTORY_H
#define STORE_STORE_DIRECTORY_H

#include "store/store.h"

struct store_user {
	uint64_t id;
	struct span address;       /* "alice@example.org": the sign-in name */
	struct span name;          /* "Alice Example"; may be empty */
	struct span password;      /* crypt(5) hash, "" : cannot sign in */
	uint64_t password_version; /* moves with each change */
	bool disabled;
};

enum rc store_domain_add(struct store *s, struct span name) MUST_CHECK;
/* RC_CONFLICT while it has users or aliases. */
enum rc store_domain_remove(struct store *s, struct span name) MUST_CHECK;
/* RC_OK or RC_NOT_FOUND: is the domain ours? */
enum rc store_domain_find(struct store *s, struct span name) MUST_CHECK;
enum rc store_domain_list(struct store *s, struct arena *a, struct span **ret,
                          size_t *ret_n) MUST_CHECK;

/* Makes the user and its default collections. password: a hash. */
enum rc store_user_add(struct store *s, struct span address, struct span name,
                       struct span password, uint64_t *ret_id) MUST_CHECK;
/* The user cannot sign in and gets no mail any more; data is kept until retention ends.
 */
enum rc store_user_remove(struct store *s, struct span address) MUST_CHECK;
enum rc store_user_set_password(struct store *s, struct span address,
                                struct span password) MUST_CHECK;
enum rc
store_user_set_disabled(struct store *s, struct span address, bool disabled) MUST_CHECK;
/* By sign-in name. Spans in a. */
enum rc store_user_find(struct store *s, struct span address, struct arena *a,
                        struct store_user *ret) MUST_CHECK;
enum rc store_user_load(struct store *s, uint64_t id, struct arena *a,
                        struct store_user *ret) MUST_CHECK;
enum rc
store_user_list(struct store *s, struct span domain /* empty: all */, struct arena *a,
                struct store_user **ret, size_t *ret_n) MUST_CHECK;

/* An alias stands for a user of ours or for a foreign address; several make a list.
 * address "@example.org" is the domain's catch-all. */
enum rc
store_alias_add(struct store *s, struct span address, struct span target) MUST_CHECK;
enum rc
store_alias_remove(struct store *s, struct span address, struct span target) MUST_CHECK;
struct store_alias {
	struct span address;
	struct span target;
};
enum rc store_alias_list(struct store *s, struct span domain, struct arena *a,
                         struct store_alias **ret, size_t *ret_n) MUST_CHECK;

/* Where mail for an address goes: users of ours and foreign addresses, each once; aliases
 * are followed (10 deep), "user+detail" falls back to "user", then the catch-all. */
struct store_route {
	uint64_t user;       /* 0: foreign */
	struct span address; /* of the user, or the foreign address */
};
/* RC_NOT_FOUND: our domain, no such address; RC_DENIED: not our domain; RC_CONFLICT: a
 * loop; RC_TOO_BIG: more than group_max. */
enum rc store_route_find(struct store *s, struct span address, struct arena *a,
                         struct store_route **ret, size_t *ret_n) MUST_CHECK;

/* Splits "local@domain" at the last @, lower-cases and checks both; in a. RC_INVALID. */
enum rc
store_address_normalise(struct span address, struct arena *a, struct span *ret,
                        struct span *ret_local, struct span *ret_domain) MUST_CHECK;

#endif
