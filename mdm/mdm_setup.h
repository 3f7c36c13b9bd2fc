/* SPDX-License-Identifier: ISC
 *
 * mdm_setup.h - accounts that set themselves up: Mozilla's autoconfig, Apple's
 * configuration profile, Outlook's Autodiscover for IMAP.
 *
 * What is told here is where the server's doors are. It names nobody but who asks, so
 * nobody need sign in.
 */
#ifndef MDM_MDM_SETUP_H
#define MDM_MDM_SETUP_H

#include "base/conf.h"
#include "http/http.h"

extern const struct conf_section mdm_setup_conf_section; /* "setup" */

struct mdm_setup_conf {
	char *host; /* as clients reach it; empty: the Host that they asked */
	char *name; /* shown in the list of accounts */
	int64_t imap_port;
	int64_t submission_port;
	int64_t https_port;
	char *ca; /* PEM of a CA of one's own, which goes along in profiles */
};

struct mdm_setup;

/* Files: of the server's certificate, to sign profiles with; "": they are not signed. */
struct mdm_setup *mdm_setup_new(const struct mdm_setup_conf *conf, const char *cert_file,
                                const char *key_file);
void mdm_setup_free(struct mdm_setup *s);
const struct mdm_setup_conf *mdm_setup_conf(const struct mdm_setup *s);
/* /mail/config-v1.1.xml, /.well-known/autoconfig/..., /mobileconfig */
void mdm_setup_route(struct mdm_setup *s, struct http_server *http);

/* The documents, for an address; host: where the request came to. */
void mdm_setup_autoconfig(const struct mdm_setup_conf *c, struct span host,
                          struct span address, struct buf *out);
enum rc mdm_setup_profile(const struct mdm_setup_conf *c, struct span host,
                          struct span address, struct buf *out) MUST_CHECK;
#define MDM_SETUP_OUTLOOK_SCHEMA                                                         \
	"http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
/* POX for Outlook on a desktop: IMAP and SMTP (MS-OXDSCLI 2.2.4). */
void mdm_setup_outlook(const struct mdm_setup_conf *c, struct span host, struct span name,
                       struct span address, struct buf *out);

#endif
