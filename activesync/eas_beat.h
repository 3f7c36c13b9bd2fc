/* SPDX-License-Identifier: ISC
 *
 * eas_beat.h - the longest heartbeat that a device's way through networks keeps.
 *
 * Routers forget a connection that is silent for too long; the device then waits for an
 * answer that cannot come, until its own clock says so. A server hears nothing of that.
 * It sees when an answer went out, or TCP's own probes (http.tcp_keepalive) failed, and
 * when the device came next, on which connection; that is what is learned from. An answer
 * that was followed at once arrived; one after which the device came anew, when its own
 * clock must have run out, did not.
 *
 * A device that asks for more than its network keeps is told the limit once (Ping's
 * Status 5, Sync's Status 14), which it may take; where it does not, it is answered at
 * the limit as if its heartbeat were over. Nothing is ever made longer than the device
 * wishes.
 */
#ifndef ACTIVESYNC_EAS_BEAT_H
#define ACTIVESYNC_EAS_BEAT_H

#include "activesync/eas_command.h"

struct eas;

/* -- what a wait's end means, known when the device comes next -- */

enum eas_beat_end {
	EAS_BEAT_ANSWERED, /* the heartbeat was over, or something changed */
	EAS_BEAT_RESET,    /* the connection was broken off first, by whomever */
	EAS_BEAT_SILENT,   /* TCP asked whether the device is there, and it was not */
};

struct eas_beat_note {
	uint64_t user;
	uint32_t device;
	uint32_t connection; /* http_connection_id() */
	uint64_t network;    /* eas_beat_network() of the peer */
	enum eas_beat_end end;
	uint32_t asked_s;  /* the heartbeat that the device asked for */
	uint32_t lasted_s; /* the silence up to the end */
	uint64_t ended_ms; /* clock_mono_ms() */
};

enum eas_beat_sign {
	EAS_BEAT_NOTHING,
	EAS_BEAT_KEPT,
	EAS_BEAT_CUT,
	EAS_BEAT_MAYBE_CUT,
};

/* The part of an address that stays while a device is in one network. */
uint64_t eas_beat_network(const char *peer);
/* The device comes again, on this connection, from this network. */
enum eas_beat_sign eas_beat_read(const struct eas_beat_note *n, uint32_t connection,
                                 uint64_t network, uint64_t now_ms);

/* -- what is learned of it -- */

/* True: *h is worth saving. A device whose network is as known never gives that. */
bool eas_beat_learn(struct store_heartbeat *h, enum eas_beat_sign sign, uint32_t lasted_s,
                    int64_t wall_ms);
/* The longest heartbeat that may be granted, never below floor_s; 0: any. */
uint32_t
eas_beat_limit(const struct store_heartbeat *h, uint32_t floor_s, int64_t wall_ms);

/* -- notes until then: a few seconds each, of this process -- */

struct eas_beat_notes;
struct eas_beat_notes *eas_beat_notes_new(void);
void eas_beat_notes_free(struct eas_beat_notes *t);
/* Of several of one device the last stays. Any thread. */
void eas_beat_note(struct eas_beat_notes *t, const struct eas_beat_note *n);
/* Takes the device's note out. */
bool eas_beat_take(struct eas_beat_notes *t, uint64_t user, uint32_t device,
                   struct eas_beat_note *ret);

/* -- in commands -- */

/* In the worker: the device has come; learns from its last wait. */
void eas_beat_meet(struct eas_call *c);
/*
 * What is granted of asked_s, within the server's own limits already; c->asked_s is set.
 * False: the device is to be told *ret_s as the limit first; eas_beat_told() notes that.
 */
bool eas_beat_grant(struct eas_call *c, uint32_t asked_s, uint32_t *ret_s);
/* Writes: no transaction may be open. */
void eas_beat_told(struct eas_call *c, uint32_t limit_s);

#endif
