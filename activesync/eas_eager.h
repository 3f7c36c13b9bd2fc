/* SPDX-License-Identifier: ISC
 *
 * eas_eager.h - phones that are too eager: they ask the same and get the same, for ever,
 * or ask without end.
 *
 * Such a phone drains its battery, and its user notices it before we do. It is told to
 * come later: 503 with Retry-After, and X-MS-ASThrottle with the reason (MS-ASHTTP
 * 2.2.2.1.2.13), longer each time. What makes progress is never counted as a repetition.
 * Of this process, and bounded: the oldest of a row gives way.
 */
#ifndef ACTIVESYNC_EAS_EAGER_H
#define ACTIVESYNC_EAS_EAGER_H

#include "base/def.h"
#include "base/span.h"

struct eas_eager;

struct eas_eager_limits {
	int64_t commands; /* of a device within a minute; 0: any number */
	int64_t repeats;
};

struct eas_eager *eas_eager_new(void);
void eas_eager_free(struct eas_eager *t);

/* Who: a user's device. */
uint64_t eas_eager_key(uint64_t user, struct span device_id);
/* How long it must wait still, in ms, or 0; *ret_why: for the header. Any thread. */
uint64_t eas_eager_ask(struct eas_eager *t, uint64_t key, const char **ret_why);
/* It asked this and got that, both as hashes, at once. True: that was one too many, it
 * must wait from now on. */
bool eas_eager_note(struct eas_eager *t, const struct eas_eager_limits *limits,
                    uint64_t key, uint64_t asked, uint64_t got);

#endif
