/* SPDX-License-Identifier: ISC
 *
 * control_device.c - what godwitctl can ask and say of devices.
 */
#include "mdm/mdm_access.h"
#include "server/control_private.h"
#include "store/store_device.h"
#include "store/store_directory.h"

static enum rc
list_devices_of(struct control_request *r, const struct store_user *u)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_device *devices = NULL;
	size_t n = 0;
	enum rc rc = store_read(control_store(r), u->id, &tx);
	if (rc == RC_OK)
		rc = store_device_list(tx, r->arena, &devices, &n);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		const struct store_device *d = &devices[i];
		const struct span cells[] = {
			u->address,  d->id,
			d->protocol, d->version,
			d->type,     d->model,
			d->os,       span_str(store_device_state_str(d->state))
		};
		for (size_t j = 0; j < ARRAY_LEN(cells); j++) {
			control_cell(r, cells[j].n ? cells[j] : SPAN("-"));
			control_tab(r);
		}
		control_cell_time(r, d->first_seen_ms);
		control_tab(r);
		control_cell_time(r, d->last_seen_ms);
		control_tab(r);
		control_cell(r, d->reason.n ? d->reason : SPAN("-"));
		control_end_row(r);
	}
	return rc;
}

enum rc
control_device_list(struct control_request *r, const struct span *args, size_t n)
{
	struct store_user *users = NULL;
	size_t count = 0;
	enum rc rc;
	if (n > 0) {
		struct store_user one;
		rc = store_user_find(control_store(r), args[0], r->arena, &one);
		return rc == RC_OK ? list_devices_of(r, &one)
		                   : control_explain(r, rc, args[0]);
	}
	rc = store_user_list(control_store(r), SPAN(""), r->arena, &users, &count);
	for (size_t i = 0; rc == RC_OK && i < count; i++)
		rc = list_devices_of(r, &users[i]);
	return rc;
}

static enum rc
find_device(struct control_request *r, const struct span *args, uint64_t *ret_user,
            uint32_t *ret_number)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_user user;
	struct store_device *devices = NULL;
	size_t n = 0;
	enum rc rc = store_user_find(control_store(r), args[0], r->arena, &user);
	if (rc != RC_OK)
		return control_explain(r, rc, args[0]);
	rc = store_read(control_store(r), user.id, &tx);
	if (rc == RC_OK)
		rc = store_device_list(tx, r->arena, &devices, &n);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		if (!span_ieq(devices[i].id, args[1]))
			continue;
		*ret_user = user.id;
		*ret_number = devices[i].number;
		return RC_OK;
	}
	return control_explain(r, rc == RC_OK ? RC_NOT_FOUND : rc, args[1]);
}

static enum rc
set_device(struct control_request *r, const struct span *args, size_t n,
           enum store_device_state state)
{
	uint64_t user;
	uint32_t number;
	enum rc rc = find_device(r, args, &user, &number);
	if (rc != RC_OK)
		return rc;
	return control_explain(
		r,
		mdm_device_set_state(server_mdm(r->server), user, number, state,
	                             n > 2 ? args[2] : SPAN("by an admin")),
		args[1]);
}

enum rc
control_device_allow(struct control_request *r, const struct span *args, size_t n)
{
	return set_device(r, args, n, STORE_DEVICE_ALLOWED);
}

enum rc
control_device_block(struct control_request *r, const struct span *args, size_t n)
{
	return set_device(r, args, n, STORE_DEVICE_BLOCKED);
}

enum rc
control_device_wipe(struct control_request *r, const struct span *args, size_t n)
{
	return set_device(r, args, n, STORE_DEVICE_WIPE_PENDING);
}

enum rc
control_device_remove(struct control_request *r, const struct span *args, size_t n UNUSED)
{
	uint64_t user;
	uint32_t number;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	const struct store_actor who = { .protocol = "control" };
	enum rc rc = find_device(r, args, &user, &number);
	if (rc != RC_OK)
		return rc;
	rc = store_write(control_store(r), user, &who, &tx);
	if (rc == RC_OK)
		rc = store_device_delete(tx, number);
	if (rc == RC_OK)
		rc = store_commit(&tx);
	return control_explain(r, rc, args[1]);
}
