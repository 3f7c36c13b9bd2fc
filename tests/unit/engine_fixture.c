/* SPDX-License-Identifier: ISC
 *
 * engine_fixture.c - a database for each test on PostgreSQL.
 */
#include "tests/unit/engine_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define SKIPPED 77

bool
engine_fixture_is_pg(void)
{
	const char *name = getenv("GODWIT_TEST_ENGINE");

	return name && strcmp(name, "postgresql") == 0;
}

static void
give_up(const char *what)
{
	fprintf(stderr, "engine_fixture: %s\n", what);
	exit(1);
}

/* The first line of a file of the cluster's state, or NULL. To be freed. */
static char *
state_line(const char *name)
{
	const char *folder = getenv("GODWIT_TEST_POSTGRESQL");
	char *path = xasprintf("%s/%s", folder ? folder : ".", name);
	FILE *f = fopen(path, "re");
	char text[512] = "";

	free(path);
	if (!f)
		return NULL;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	text[strcspn(text, "\n")] = '\0';
	return xstrdup(text);
}

void
engine_fixture_sql(const char *conninfo, const char *sql)
{
	char *programs = state_line("programs");
	char *command = xasprintf("%s/psql -X -q -v ON_ERROR_STOP=1 \"%s\" -c \"%s\"",
	                          programs ? programs : "", conninfo, sql);

	if (system(command) != 0)
		give_up(command);
	free(command);
	free(programs);
}

static void
admin_sql(const char *sql, const char *name, const char *end)
{
	char *server = state_line("conninfo");
	char *conninfo = xasprintf("%s dbname=postgres", server ? server : "");
	char *text = xasprintf("%s %s %s", sql, name, end);

	engine_fixture_sql(conninfo, text);
	free(text);
	free(conninfo);
	free(server);
}

char *
engine_fixture_make(void)
{
	static unsigned count;
	char *server = state_line("conninfo");
	char *name;
	char *conninfo;

	if (!server) {
		char *why = state_line("skip");

		fprintf(stderr, "skipped: %s\n",
		        why ? why : "no PostgreSQL cluster runs");
		_exit(SKIPPED); /* without looking for leaks */
	}
	name = xasprintf("t%d_%u", (int)getpid(), count++);
	admin_sql("CREATE DATABASE", name, "");
	conninfo = xasprintf("%s dbname=%s", server, name);
	free(name);
	free(server);
	return conninfo;
}

void
engine_fixture_drop(char *conninfo)
{
	const char *name = conninfo ? strstr(conninfo, "dbname=") : NULL;

	if (name)
		admin_sql("DROP DATABASE", name + strlen("dbname="), "WITH (FORCE)");
	free(conninfo);
}
