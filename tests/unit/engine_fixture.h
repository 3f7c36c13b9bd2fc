/* SPDX-License-Identifier: ISC
 *
 * engine_fixture.h - which engine the tests of store/ run on, and a database for each.
 *
 * GODWIT_TEST_ENGINE=postgresql with GODWIT_TEST_POSTGRESQL, the state folder of
 * tests/pg_cluster.sh; SQLite otherwise. Where there is no cluster the program says so
 * and ends with 77.
 */
#ifndef TESTS_UNIT_ENGINE_FIXTURE_H
#define TESTS_UNIT_ENGINE_FIXTURE_H

#include <stdbool.h>

bool engine_fixture_is_pg(void);
/* A new, empty database; its conninfo, to be given to the other. */
char *engine_fixture_make(void);
/* Drops it and frees; NULL is fine. */
void engine_fixture_drop(char *conninfo);
/* Runs a command in it, as an admin of the cluster would. */
void engine_fixture_sql(const char *conninfo, const char *sql);

#endif
