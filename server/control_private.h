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
/* "what: not found", unless rc is RC_OK; returns rc. */
enum rc control_explain(struct control_request *r, enum rc rc, struct span what);

/* control_device.c */
control_fn control_device_list;
control_fn control_device_show;
control_fn control_device_allow;
control_fn control_device_block;
control_fn control_device_wipe;
control_fn control_device_remove;
/* control_oof.c */
control_fn control_user_oof;
/* control_top.c */
control_fn control_top;

#endif
