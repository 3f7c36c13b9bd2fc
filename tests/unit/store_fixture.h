/* SPDX-License-Identifier: ISC
 *
 * store_fixture.h - a store in a temporary directory (and a database of its own on
 * PostgreSQL), with users, for the tests of store/.
 */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants those before it. */
#include <cmocka.h>

#include "store/store_change.h"
#include "store/store_collection.h"
#include "store/store_content.h"
#include "store/store_directory.h"
#include "store/store_item.h"
#include "tests/unit/engine_fixture.h"

#define assert_rc(call, want) assert_string_equal(rc_str(call), rc_str(want))
#define assert_ok(call) assert_rc(call, RC_OK)

struct fixture {
	char directory[64];
	struct store_conf conf;
	struct store *s;
	uint64_t user; /* a@example.org */
	uint32_t inbox;
	uint32_t trash;
	struct arena *a;
};

/* cmocka's set-up and tear-down; *state is the fixture. */
int fixture_setup(void **state);
/* The same without opening, for tests with options of their own. */
int fixture_setup_closed(void **state);
/* The first with contents in files, or in the database, on either engine. */
int fixture_setup_files(void **state);
int fixture_setup_database(void **state);
int fixture_teardown(void **state);
void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);
/* Another user, "name@example.org". */
uint64_t fixture_user(struct fixture *f, const char *name);
uint32_t fixture_folder(struct fixture *f, uint64_t user, enum store_role role);

struct store_tx *fixture_read(struct fixture *f);
struct store_tx *fixture_write(struct fixture *f, uint32_t device);
struct store_content *fixture_content(struct fixture *f, const char *text);
/* In a transaction of its own; returns the uid. */
uint32_t fixture_add(struct fixture *f, uint32_t collection, const char *text);
/* The counters of every collection of the user agree with its rows. */
void fixture_check(struct fixture *f, uint64_t user);

#endif
