/* SPDX-License-Identifier: ISC
 *
 * server_conf.h - the process' own options, and the list of all sections of the file.
 */
#ifndef SERVER_SERVER_CONF_H
#define SERVER_SERVER_CONF_H

#include "base/conf.h"

struct server_conf {
	char *user;    /* the unprivileged server's; "": stay who we are */
	int64_t loops; /* 0: one a core */
	int64_t workers;
	uint64_t busy_ms; /* a worker's queue that is so long turns newcomers away */
	char *control;    /* path of godwitctl's UNIX socket */
	struct conf_list metrics_listen;
	uint64_t drain_ms;
	uint64_t sweep_ms;
	bool sandbox;        /* seccomp and landlock */
	int64_t connections; /* held at once; the machine is checked for them at start */
	bool files_apart;    /* a table of file descriptors for each loop */
	char *node;          /* name among those that share a database; "": the host's */
};

struct server_log_conf {
	int level;  /* enum log_level */
	int format; /* enum log_format */
	int target; /* enum log_target */
};

struct server_tls_conf {
	char *certificate; /* PEM chain; "": no TLS */
	char *key;
	struct conf_list more; /* "certificate:key", chosen by SNI */
	uint64_t ticket_keys_ms;
	int records;       /* enum tls_records */
	int64_t hands_max; /* connections of a loop that wait for their handshake */
};

extern const struct conf_section server_conf_section;     /* "server" */
extern const struct conf_section server_log_conf_section; /* "log" */
extern const struct conf_section server_tls_conf_section; /* "tls" */

/* All sections that godwit.conf may have, in the order of the sample file. */
extern const struct conf_section *const server_sections[];
extern const size_t server_sections_n;

#endif
