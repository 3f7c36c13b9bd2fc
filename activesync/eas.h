/* SPDX-License-Identifier: ISC
 *
 * eas.h - the Exchange ActiveSync server, as server/ sees it (MS-ASHTTP, MS-ASCMD).
 */
#ifndef ACTIVESYNC_EAS_H
#define ACTIVESYNC_EAS_H

#include "base/conf.h"
#include "base/job.h"
#include "http/http.h"
#include "mdm/mdm_policy.h"
#include "mdm/mdm_setup.h"
#include "push/mail_submit.h"
#include "push/push.h"

struct eas;

extern const struct conf_section eas_conf_section; /* "activesync" */

struct eas_conf {
	uint64_t heartbeat_min_ms;
	uint64_t heartbeat_max_ms;
	bool heartbeat_learn;
	uint64_t heartbeat_floor_ms;
	int64_t repeats_max;   /* of a device within a minute: eas_eager.h */
	int64_t commands_max;  /* likewise */
	int64_t window_max;    /* items in one Sync answer */
	uint64_t response_max; /* bytes: no further item is begun beyond */
	int64_t ping_folders_max;
	uint64_t body_max;  /* of a request */
	char *external_url; /* "https://mail.example.org" for Autodiscover; empty: from
	                       Host */
	char *certificate_authorities; /* PEM file; empty or NULL: the system's */
};

struct eas_deps {
	struct store *store;
	struct push *push;
	struct mdm *mdm;
	struct jobs *jobs;
	struct mail_submit submit;
	const struct mdm_setup *setup; /* NULL: Autodiscover knows ActiveSync alone */
};

enum rc eas_new(const struct eas_conf *conf, const struct eas_deps *deps,
                struct eas **ret) MUST_CHECK;
/* /Microsoft-Server-ActiveSync and /autodiscover/... */
void eas_route(struct eas *e, struct http_server *http);
size_t eas_waiting(const struct eas *e);
void eas_free(struct eas *e);

#endif
