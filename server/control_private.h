/* SPDX-License-Identifier: ISC
 *
 * control_private.h - what the files of the control socket's commands share.
 */
#ifndef SERVER_CONTROL_PRIVATE_H
#define SERVER_CONTROL_PRIVATE_H

#include "server/control.h"

/* One command, in a worker; args are the words behind its name. */
typedef enum rc control_fn(struct control_request *r, const struct span *args, size_t n);

struct store *control_store(struct control_request *r);
/* Cells of the rows that godwitctl lines up: no tab or line end may come in. */
void control_cell(struct control_request *r, struct span s);
void control_tab(struct control_request *r);
void control_end_row(struct control_request *r);
/* "-" for 0. */
void control_cell_time(struct control_request *r, int64_t ms);
/* "7d", "12h", "30m" ago, or a day, "2026-11-21" (UTC). */
bool control_since(struct span text, int64_t *ret_ms);
/* "what: not found", unless rc is RC_OK; returns rc. */
enum rc control_explain(struct control_request *r, enum rc rc, struct span what);

/* control_device.c */
struct store_user;
struct store_device;
control_fn control_device_list;
control_fn control_device_show;
/* Of args[0], an address, and args[1], a device's id. */
enum rc control_device_find(struct control_request *r, const struct span *args,
                            struct store_user *ret_user, struct store_device *ret);
/* control_device_order.c */
control_fn control_device_approve;
control_fn control_device_block;
control_fn control_device_unblock;
control_fn control_device_quarantine;
control_fn control_device_wipe;
control_fn control_device_cancel;
control_fn control_device_forget;
control_fn control_device_release;
control_fn control_device_limit;
control_fn control_device_unknown;
/* control_audit.c */
control_fn control_audit_list;
control_fn control_audit_verify;
/* control_oof.c */
control_fn control_user_oof;
control_fn control_device_password;
/* control_person.c */
control_fn control_user_set;
control_fn control_user_show;
enum rc control_person_set(struct control_request *r, struct span address,
                           struct span field, struct span value) MUST_CHECK;
/* control_top.c */
control_fn control_top;

#endif
