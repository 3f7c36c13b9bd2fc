/* SPDX-License-Identifier: ISC
 *
 * mdm_throttle.h - wrong passwords, counted by address, by name and by the pair of them.
 *
 * A name that has signed in from an address before is judged by that pair alone, so that
 * neither a neighbour behind the same NAT nor somebody who guesses at the name elsewhere
 * locks it out. The same wrong password again (a phone that was not told the new one)
 * counts once. The table is bounded: the oldest of a row gives way.
 */
#ifndef MDM_MDM_THROTTLE_H
#define MDM_MDM_THROTTLE_H

#include "base/def.h"
#include "base/span.h"

struct mdm_throttle;

struct mdm_throttle *mdm_throttle_new(int64_t failures_max, uint64_t window_ms);
void mdm_throttle_free(struct mdm_throttle *t);

/* Who tries: IPv6 addresses count by their /64. name in lower case. */
struct mdm_attempt {
	uint64_t address;
	uint64_t name;
	uint64_t pair;
	uint64_t guess; /* of this very password, keyed */
};

/* guess is whatever stands for the password. Any thread, as all here. */
struct mdm_attempt mdm_attempt_of(const struct mdm_throttle *t, const char *peer,
                                  struct span name, uint64_t guess);

enum mdm_verdict {
	MDM_VERDICT_CHECK, /* go on and check the password */
	MDM_VERDICT_SAME,  /* this pair's last wrong one again: wrong */
	MDM_VERDICT_WAIT,  /* too many failures */
};
/* *ret_wait_ms is set with WAIT. */
enum mdm_verdict mdm_throttle_ask(struct mdm_throttle *t, const struct mdm_attempt *a,
                                  uint64_t *ret_wait_ms);
/* Has this name signed in from this address before? */
bool mdm_throttle_is_known(struct mdm_throttle *t, const struct mdm_attempt *a);
void mdm_throttle_failed(struct mdm_throttle *t, const struct mdm_attempt *a);
void mdm_throttle_passed(struct mdm_throttle *t, const struct mdm_attempt *a);

#endif
