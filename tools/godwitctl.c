/* SPDX-License-Identifier: ISC
 *
 * godwitctl.c - the admin's hand: speaks to the running server over its UNIX socket, and
 * works on stores that no server has open.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/mem.h"
#include "tools/godwitctl.h"

#define WORDS_MAX 32
#define DEFAULT_SOCKET "/run/godwit/control.sock"

static const char usage[] =
	"usage: godwitctl [-s socket] command\n"
	"\n"
	"  domain add NAME              domain remove NAME         domain list\n"
	"  user add ADDRESS [NAME]      user remove ADDRESS        user list [DOMAIN]\n"
	"  user import                  many: \"ADDRESS tab PASSWORD [tab NAME [tab "
	"FIELD=VALUE]...]\"\n"
	"                               a line of standard input\n"
	"  user show ADDRESS            user set ADDRESS FIELD VALUE\n"
	"                               what the address list shows; the VALUE of photo and "
	"certificate is a file\n"
	"  user disable ADDRESS         user enable ADDRESS\n"
	"  user password ADDRESS        (passwords are asked for, or read from standard "
	"input)\n"
	"  user oof ADDRESS             the automatic replies of a user who is away\n"
	"  user oof ADDRESS off | on TEXT [OTHERS] | FROM UNTIL TEXT [OTHERS]\n"
	"  alias add ADDRESS TARGET     alias remove ADDRESS TARGET\n"
	"  alias list [DOMAIN]          an ADDRESS of @domain is its catch-all\n"
	"  queue list                   queue flush\n"
	"  queue hold ID                queue release ID           queue remove ID\n"
	"  device list [ADDRESS] [--state STATE] [--type TYPE] [--unseen 30d]\n"
	"  device approve|block|unblock|quarantine ADDRESS DEVICE [WHY]\n"
	"  device show ADDRESS DEVICE\n"
	"  device wipe ADDRESS DEVICE [--account-only] [WHY]\n"
	"  device cancel ADDRESS DEVICE (a wipe that is pending)\n"
	"  device password ADDRESS DEVICE (the recovery password that it left)\n"
	"  device forget ADDRESS DEVICE\n"
	"  device release ADDRESS DEVICE FOLDER:ITEM (what was set aside)\n"
	"  device limit ADDRESS [N|none|default]\n"
	"  device unknown ADDRESS [allow|quarantine|block|default]\n"
	"  audit [list] [--user ADDRESS] [--device ID] [--action NAME]\n"
	"        [--since 7d|12h|2026-11-21] [--limit N]        audit verify\n"
	"  node list                    the servers that share the database\n"
	"  store check                  every file of the store, by the engine's own "
	"check\n"
	"  store copy --from CONF --to CONF\n"
	"                               all of a store into another (no server may run)\n"
	"  backup DIR [--full] [--user ADDRESS]...\n"
	"                               backup list DIR            backup verify DIR\n"
	"  restore DIR --user ADDRESS   one user, into the running server\n"
	"  restore DIR --conf CONF      all, into an empty store\n"
	"  status                       reload\n"
	"  top [--once] [--interval S] [--limit N] [--sort oldest|youngest|left]\n"
	"  demo [DOMAIN]                a domain with two users, alice and bob, to try "
	"things\n"
	"\n"
	"  -h          this page; --version\n"
	"  -s socket   of the server (default " DEFAULT_SOCKET ", or $GODWIT_CONTROL)\n"
	"  --json      behind a command that lists or shows: for programs\n"
	"  -r          rows as they are: cells separated by tabs, no head line\n";

static const struct {
	const char *noun;
	const char *verb;
	const char *head;
} heads[] = {
	{ "user", "list", "ADDRESS\tNAME\tSTATE" },
	{ "user", "oof", "WHAT\tVALUE" },
	{ "user", "show", "WHAT\tVALUE" },
	{ "alias", "list", "ADDRESS\tTARGET" },
	{ "queue", "list", "ID\tQUEUED\tSTATE\tTRIES\tNEXT\tFROM\tTO\tLAST ERROR" },
	{ "audit", "list", "ROW\tTIME\tWHO\tFROM\tDID\tUSER\tWHAT\tMORE" },
	{ "node", "list", "NAME\tSTATE\tVERSION\tHOST\tSINCE\tSEEN\tWHICH" },
	{ "device", "password", "RECOVERY PASSWORD\tSINCE" },
	{ "device", "limit", "USER\tLIMIT\tWHOSE\tUNKNOWN DEVICES" },
	{ "device", "unknown", "USER\tLIMIT\tWHOSE\tUNKNOWN DEVICES" },
	{ "device", "list",
	  "USER\tDEVICE\tPROTOCOL\tVERSION\tTYPE\tMODEL\tSYSTEM\tSTATE\tFIRST SEEN\tLAST "
	  "SEEN\tWHY" },
};

int
ctl_ask_words(const char *socket_path, const char *const *words, size_t n,
              struct buf *rows)
{
	struct span *spans = xcalloc(n, sizeof(*spans));
	struct err err = { "" };
	for (size_t i = 0; i < n; i++)
		spans[i] = span_str(words[i]);
	enum rc rc = ctl_ask(socket_path, spans, n, rows, &err);
	free(spans);
	if (rc == RC_OK)
		return 0;
	fprintf(stderr, "godwitctl: %s\n", err.text);
	return 1;
}

/* -- tables for the eye -- */

#define COLUMNS_MAX 16

static size_t
width_of(struct span s)
{
	size_t w = 0;
	for (size_t i = 0; i < s.n; i++)
		w += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return w;
}

/* A cell, filled up to width; only what fits into room. */
static void
add_cell(struct span c, size_t width, size_t *room, struct buf *out)
{
	size_t i = 0, shown = 0;
	for (; i < c.n; i++) {
		bool begins = ((unsigned char)c.p[i] & 0xc0) != 0x80;
		if (begins && shown == *room)
			break;
		shown += begins;
	}
	buf_add_span(out, span_sub(c, 0, i));
	*room -= shown;
	for (; shown<width && * room> 0; shown++, (*room)--)
		buf_add_char(out, ' ');
}

void
ctl_table_write(struct span text, size_t width, struct buf *out)
{
	size_t widths[COLUMNS_MAX] = { 0 };
	for (int pass = 0; pass < 2; pass++) {
		struct span rest = text, row, c;
		while (span_cut(&rest, '\n', &row)) {
			size_t room = width ? width : SIZE_MAX;
			for (size_t i = 0; i < COLUMNS_MAX && span_cut(&row, '\t', &c);
			     i++) {
				size_t w = width_of(c);
				if (pass == 0 && w > widths[i])
					widths[i] = w;
				if (pass == 1)
					add_cell(c, row.n ? widths[i] + 2 : 0, &room,
					         out);
			}
			if (pass == 1)
				buf_add_char(out, '\n');
		}
	}
}

enum form { FORM_TABLE, FORM_RAW, FORM_JSON };

static void
show(const char *const *words, size_t n, const struct buf *rows, enum form form)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	const char *head = "";
	for (size_t i = 0; n >= 2 && i < ARRAY_LEN(heads); i++) {
		if (strcmp(heads[i].noun, words[0]) == 0 &&
		    strcmp(heads[i].verb, words[1]) == 0)
			head = heads[i].head;
	}
	if (form == FORM_TABLE && *head)
		buf_addf(&text, "%s\n", head);
	buf_add_span(&text, buf_span(rows));
	if (form == FORM_RAW)
		buf_add_span(&out, buf_span(&text));
	else if (form == FORM_JSON)
		ctl_json_write(span_str(head), buf_span(&text), &out);
	else
		ctl_table_write(buf_span(&text), 0, &out);
	printf("%.*s", SPAN_FMT(buf_span(&out)));
}

/* -- passwords -- */

/* One line without echo from a terminal, or the first line of standard input. */
static char *
read_password(void)
{
	struct termios old, quiet;
	bool terminal = tcgetattr(STDIN_FILENO, &old) == 0;
	char *line = NULL;
	size_t cap = 0;

	if (terminal) {
		quiet = old;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		fputs("Password: ", stderr);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	ssize_t n = getline(&line, &cap, stdin);
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
		fputc('\n', stderr);
	}
	if (n <= 0) {
		free(line);
		return NULL;
	}
	if (line[n - 1] == '\n')
		line[n - 1] = '\0';
	return line;
}

static int
run_with_password(const char *socket_path, int argc, char **argv, bool raw)
{
	const char *words[5];
	AUTO_DONE(buf) struct buf rows = BUF_INIT(0);
	size_t n = 0;
	char *password = read_password();
	if (!password) {
		fprintf(stderr, "godwitctl: no password was given\n");
		return 1;
	}
	words[n++] = argv[0];
	words[n++] = argv[1];
	words[n++] = argv[2];
	words[n++] = password;
	if (argc > 3)
		words[n++] = argv[3];
	int status = ctl_ask_words(socket_path, words, n, &rows);
	if (status == 0)
		show(words, n, &rows, raw ? FORM_RAW : FORM_TABLE);
	mem_wipe(password, strlen(password));
	free(password);
	return status;
}

/* -- files -- */

#define FILE_MAX_BYTES (46 * 1024) /* as base64 in a line to the server */

/* user set ADDRESS photo|certificate FILE: the file's bytes stand for its name. */
static int
set_file(const char *socket_path, char **argv)
{
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(FILE_MAX_BYTES);
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	AUTO_DONE(buf) struct buf rows = BUF_INIT(0);
	FILE *in = argv[4][0] ? fopen(argv[4], "rb") : NULL;
	char block[4096];
	size_t n;

	if (argv[4][0] && !in) {
		fprintf(stderr, "godwitctl: %s: %s\n", argv[4], strerror(errno));
		return 1;
	}
	while (in && (n = fread(block, 1, sizeof(block), in)) > 0)
		buf_add(&bytes, block, n);
	if (in && (ferror(in) | fclose(in))) {
		fprintf(stderr, "godwitctl: %s cannot be read\n", argv[4]);
		return 1;
	}
	if (!buf_ok(&bytes)) {
		fprintf(stderr, "godwitctl: %s has more than %d bytes\n", argv[4],
		        FILE_MAX_BYTES);
		return 1;
	}
	base64url_encode(buf_span(&bytes), &text);
	buf_add_char(&text, '\0');
	const char *words[] = { argv[0], argv[1], argv[2], argv[3], text.p };
	return ctl_ask_words(socket_path, words, 5, &rows);
}

/* -- the demo -- */

static int
demo(const char *socket_path, const char *domain)
{
	static const struct {
		const char *local;
		const char *name;
	} people[] = { { "alice", "Alice Example" }, { "bob", "Bob Example" } };
	AUTO_DONE(buf) struct buf rows = BUF_INIT(0);
	const char *add_domain[] = { "domain", "add", domain };
	const char *list[] = { "domain", "list" };

	int status = ctl_ask_words(socket_path, list, 2, &rows);
	if (status != 0)
		return status;
	bool have = false;
	struct span rest = buf_span(&rows), row;
	while (span_cut(&rest, '\n', &row))
		have = have || span_is(row, domain);
	if (have) {
		printf("The domain %s is there already.\n", domain);
		return 0;
	}
	if ((status = ctl_ask_words(socket_path, add_domain, 3, &rows)) != 0)
		return status;
	for (size_t i = 0; i < ARRAY_LEN(people); i++) {
		char *address = xasprintf("%s@%s", people[i].local, domain);
		char *password = xasprintf("%s-demo", people[i].local);
		const char *add_user[] = { "user", "add", address, password,
			                   people[i].name };
		status = ctl_ask_words(socket_path, add_user, 5, &rows);
		if (status == 0)
			printf("%s  password %s\n", address, password);
		free(address);
		free(password);
		if (status != 0)
			return status;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	const char *path = getenv("GODWIT_CONTROL");
	AUTO_DONE(buf) struct buf rows = BUF_INIT(0);
	bool raw = false;
	int c;

	if (!path || !*path)
		path = DEFAULT_SOCKET;
	while ((c = getopt_long(argc, argv, "+s:rh", options, NULL)) != -1) {
		if (c == 'v') {
			puts("godwitctl " GODWIT_VERSION);
			return 0;
		} else if (c == 's') {
			path = optarg;
		} else if (c == 'r') {
			raw = true;
		} else {
			fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 64;
		}
	}
	argc -= optind;
	argv += optind;
	if (argc == 0) {
		fputs(usage, stderr);
		return 64;
	}
	if (strcmp(argv[0], "help") == 0) {
		fputs(usage, stdout);
		return 0;
	}
	const struct ctl ctl = { path };
	if (strcmp(argv[0], "backup") == 0)
		return ctl_backup(&ctl, argc, argv);
	if (strcmp(argv[0], "restore") == 0)
		return ctl_restore(&ctl, argc, argv);
	if (argc >= 2 && strcmp(argv[0], "store") == 0 && strcmp(argv[1], "copy") == 0)
		return ctl_copy(argc - 1, argv + 1);
	if (strcmp(argv[0], "demo") == 0)
		return demo(path, argc > 1 ? argv[1] : "demo.test");
	if (argc == 2 && strcmp(argv[0], "user") == 0 && strcmp(argv[1], "import") == 0)
		return ctl_import_users(path);
	if (strcmp(argv[0], "top") == 0)
		return ctl_top(path, argc, argv, raw);
	if (argc >= 3 && strcmp(argv[0], "user") == 0 &&
	    (strcmp(argv[1], "add") == 0 || strcmp(argv[1], "password") == 0))
		return run_with_password(path, argc, argv, raw);
	const char *words[WORDS_MAX] = { argv[0] };
	size_t n = 0;
	enum form form = raw ? FORM_RAW : FORM_TABLE;
	for (int i = 0; i < argc && n < WORDS_MAX - 1; i++) {
		if (i > 0 && strcmp(argv[i], "--json") == 0) {
			form = FORM_JSON;
			continue;
		}
		words[n++] = argv[i];
		/* "audit" alone, or with options, lists. */
		if (i == 0 && strcmp(argv[0], "audit") == 0 &&
		    (argc == 1 || argv[1][0] == '-'))
			words[n++] = "list";
	}
	if (argc == 5 && strcmp(argv[0], "user") == 0 && strcmp(argv[1], "set") == 0 &&
	    (strcmp(argv[3], "photo") == 0 || strcmp(argv[3], "certificate") == 0))
		return set_file(path, argv);
	int status = ctl_ask_words(path, words, n, &rows);
	if (status == 0 && (form != FORM_JSON || buf_len(&rows) > 0 || n < 2 ||
	                    strcmp(words[1], "list") == 0))
		show(words, n, &rows, form);
	return status;
}
