/* SPDX-License-Identifier: ISC
 *
 * mdm_hashing.h - a few threads that hash passwords, and those who wait for them.
 *
 * A hash takes tens of milliseconds, a worker that waits for one serves nobody: so who
 * waits here holds no thread. All attempts from one address stand in one line, first come
 * first served; the lines take turns, so that somebody who guesses delays the others by
 * one hash. The number of those who wait is bounded; when it is full the longest line
 * gives way.
 */
#ifndef MDM_MDM_HASHING_H
#define MDM_MDM_HASHING_H

#include "base/list.h"
#include "base/rc.h"

struct mdm_hashing;
struct mdm_hash_job;
struct mdm_hash_line;

typedef void mdm_hash_fn(struct mdm_hash_job *j);

/* Embedded in the attempt. After work or drop was called the hashing has let go of it. */
struct mdm_hash_job {
	struct list link;
	struct mdm_hash_line *line; /* NULL: does not wait */
	uint64_t address;           /* the line */
	uint64_t name;              /* only so many of one may wait; 0: not counted */
	mdm_hash_fn *work;          /* in a hashing thread */
	mdm_hash_fn *drop; /* in place of work: gave way, or the end; in any thread */
};

/* waiting_max: of all; name_max: of one name. */
enum rc mdm_hashing_new(unsigned threads, size_t waiting_max, unsigned name_max,
                        struct mdm_hashing **ret) MUST_CHECK;
/* Ends the threads after what they have in hand; who waits is dropped. From then on
 * mdm_hashing_add() says RC_AGAIN. Twice is fine. */
void mdm_hashing_stop(struct mdm_hashing *h);
void mdm_hashing_free(struct mdm_hashing *h);

/* Any thread. RC_AGAIN: no room; j was not taken. */
enum rc mdm_hashing_add(struct mdm_hashing *h, struct mdm_hash_job *j) MUST_CHECK;
/* True: j waited, and is neither worked on nor dropped any more. Any thread. */
bool mdm_hashing_cancel(struct mdm_hashing *h, struct mdm_hash_job *j);

size_t mdm_hashing_waiting(const struct mdm_hashing *h);
/* How long somebody who came now would wait, by the measure of the last hashes. */
uint64_t mdm_hashing_delay_ms(const struct mdm_hashing *h);

#endif
