/* SPDX-License-Identifier: ISC
 *
 * mdm_fixture.h - a store in a folder of its own with a domain, users and an mdm.
 */
#ifndef TESTS_MDM_FIXTURE_H
#define TESTS_MDM_FIXTURE_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "mdm/mdm_private.h"

struct mdm_fixture {
	char dir[64];
	struct store *store;
	struct mdm *mdm;
	struct mdm_conf conf;
	struct arena *arena;
	struct store_user alice;
};

static inline int
mdm_fixture_remove(const char *path, const struct stat *st UNUSED, int type UNUSED,
                   struct FTW *ftw UNUSED)
{
	return remove(path);
}

static inline void
mdm_fixture_begin(struct mdm_fixture *f)
{
	struct store_conf sc = { .shards = 1,
		                 .inline_max = 32768,
		                 .message_max = 1 << 20,
		                 .readers = 2,
		                 .retention_ms = 1000 };
	struct err err;
	char *hash;
	uint64_t id;
	snprintf(f->dir, sizeof(f->dir), "/tmp/godwit-mdm-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	sc.directory = f->dir;
	assert_int_equal(store_open(&sc, &f->store, &err), RC_OK);
	if (f->conf.password_cost == 0)
		f->conf.password_cost = 1;
	if (f->conf.auth_failures_max == 0)
		f->conf.auth_failures_max = 5;
	if (f->conf.auth_failures_ms == 0)
		f->conf.auth_failures_ms = 60000;
	assert_int_equal(mdm_new(f->store, &f->conf, &f->mdm), RC_OK);
	f->arena = arena_new();
	assert_int_equal(store_domain_add(f->store, SPAN("example.org")), RC_OK);
	assert_int_equal(mdm_hash(f->mdm, SPAN("wonderland"), &hash), RC_OK);
	assert_int_equal(store_user_add(f->store, SPAN("alice@example.org"),
	                                SPAN("Alice"), span_str(hash), &id),
	                 RC_OK);
	free(hash);
	assert_int_equal(
		store_user_find(f->store, SPAN("alice@example.org"), f->arena, &f->alice),
		RC_OK);
}

static inline void
mdm_fixture_end(struct mdm_fixture *f)
{
	arena_free(f->arena);
	mdm_free(f->mdm);
	store_close(f->store);
	nftw(f->dir, mdm_fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
	clock_fake_stop();
	*f = (struct mdm_fixture){ 0 };
}

#endif
