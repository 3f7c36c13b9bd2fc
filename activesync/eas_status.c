/* SPDX-License-Identifier: ISC
 *
 * eas_status.c - from a result to a status: [MS-ASCMD] 2.2.2 and 2.2.3.177.
 */
#include "activesync/eas_status.h"

#include "activesync/eas_private.h"

static unsigned
sync_status(enum rc rc)
{
	switch (rc) {
	case RC_OK:
	case RC_EXISTS: /* an Add that was there already */
		return EAS_STATUS_OK;
	case RC_AGAIN:
		return EAS_SYNC_RETRY;
	case RC_NOT_FOUND:
		return EAS_SYNC_NOT_FOUND;
	case RC_CONFLICT:
		return EAS_SYNC_CONFLICT;
	case RC_INVALID:
	case RC_DENIED:
	case RC_UNSUPPORTED:
		return EAS_SYNC_CONVERSION;
	case RC_TOO_BIG:
		return EAS_SYNC_NO_SPACE;
	case RC_IO:
		return EAS_SYNC_SERVER;
	}
	return EAS_SYNC_SERVER;
}

static unsigned
folder_status(enum rc rc)
{
	switch (rc) {
	case RC_OK:
		return EAS_STATUS_OK;
	case RC_EXISTS:
		return EAS_FOLDER_EXISTS;
	case RC_DENIED:
	case RC_CONFLICT:
		return EAS_FOLDER_SPECIAL;
	case RC_NOT_FOUND:
		return EAS_FOLDER_NOT_FOUND;
	case RC_INVALID:
		return EAS_FOLDER_MALFORMED;
	case RC_AGAIN:
	case RC_IO:
	case RC_TOO_BIG:
	case RC_UNSUPPORTED:
		return EAS_FOLDER_SERVER;
	}
	return EAS_FOLDER_UNKNOWN;
}

static unsigned
items_status(enum rc rc)
{
	switch (rc) {
	case RC_OK:
	case RC_EXISTS:
		return EAS_STATUS_OK;
	case RC_NOT_FOUND:
		return EAS_ITEMS_NOT_FOUND;
	case RC_DENIED:
		return EAS_ITEMS_DENIED;
	case RC_INVALID:
		return EAS_ITEMS_PROTOCOL;
	case RC_TOO_BIG:
		return EAS_ITEMS_TOO_BIG;
	case RC_UNSUPPORTED:
		return EAS_ITEMS_PROTOCOL;
	case RC_AGAIN:
	case RC_CONFLICT:
	case RC_IO:
		return EAS_ITEMS_SERVER;
	}
	return EAS_ITEMS_SERVER;
}

static unsigned
move_status(enum rc rc)
{
	switch (rc) {
	case RC_OK:
		return EAS_MOVE_OK;
	case RC_NOT_FOUND:
		return EAS_MOVE_BAD_SOURCE;
	case RC_INVALID:
		return EAS_MOVE_BAD_TARGET;
	case RC_AGAIN:
		return EAS_MOVE_LOCKED;
	case RC_EXISTS:
	case RC_CONFLICT:
	case RC_DENIED:
	case RC_TOO_BIG:
	case RC_UNSUPPORTED:
	case RC_IO:
		return EAS_MOVE_FAILED;
	}
	return EAS_MOVE_FAILED;
}

static unsigned
send_status(enum rc rc)
{
	switch (rc) {
	case RC_OK:
		return EAS_STATUS_OK;
	case RC_EXISTS:
		return EAS_STATUS_PREVIOUSLY_SENT;
	case RC_INVALID:
		return EAS_STATUS_NO_RECIPIENT;
	case RC_NOT_FOUND:
		return EAS_STATUS_ITEM_NOT_FOUND;
	case RC_AGAIN:
		return EAS_STATUS_RETRY_LATER;
	case RC_CONFLICT:
	case RC_DENIED:
	case RC_TOO_BIG:
	case RC_UNSUPPORTED:
	case RC_IO:
		return EAS_STATUS_SUBMISSION_FAILED;
	}
	return EAS_STATUS_SERVER_ERROR;
}

static unsigned
estimate_status(enum rc rc)
{
	return rc == RC_OK                              ? EAS_STATUS_OK
	       : rc == RC_NOT_FOUND || rc == RC_INVALID ? EAS_ESTIMATE_COLLECTION
	                                                : EAS_ESTIMATE_NOT_PRIMED;
}

static unsigned
search_status(enum rc rc)
{
	switch (rc) {
	case RC_OK:
		return EAS_STATUS_OK;
	case RC_INVALID:
		return EAS_SEARCH_INVALID;
	case RC_TOO_BIG:
		return EAS_SEARCH_COMPLEX;
	case RC_CONFLICT:
		return EAS_SEARCH_FOLDERS;
	case RC_DENIED: /* the index needs more time */
		return EAS_SEARCH_TIMEOUT;
	case RC_AGAIN:
	case RC_EXISTS:
	case RC_NOT_FOUND:
	case RC_UNSUPPORTED:
	case RC_IO:
		return EAS_SEARCH_SERVER;
	}
	return EAS_SEARCH_SERVER;
}

unsigned
eas_status_from_rc(const struct eas_command *cmd, enum rc rc)
{
	switch (cmd->root) {
	case WBXML_AIRSYNC_SYNC:
		return sync_status(rc);
	case WBXML_FOLDERHIERARCHY_FOLDERSYNC:
	case WBXML_FOLDERHIERARCHY_FOLDERCREATE:
	case WBXML_FOLDERHIERARCHY_FOLDERUPDATE:
	case WBXML_FOLDERHIERARCHY_FOLDERDELETE:
		return folder_status(rc);
	case WBXML_ITEMOPERATIONS_ITEMOPERATIONS:
		return items_status(rc);
	case WBXML_MOVE_MOVEITEMS:
		return move_status(rc);
	case WBXML_GETITEMESTIMATE_GETITEMESTIMATE:
		return estimate_status(rc);
	case WBXML_MEETINGRESPONSE_MEETINGRESPONSE:
		return rc == RC_OK   ? EAS_STATUS_OK
		       : rc == RC_IO ? EAS_MEETING_SERVER
		                     : EAS_MEETING_MAILBOX;
	case WBXML_SEARCH_SEARCH:
		return search_status(rc);
	case WBXML_FIND_FIND: /* without a status of its own for "try again" */
		return rc == RC_OK                            ? EAS_STATUS_OK
		       : rc == RC_INVALID || rc == RC_TOO_BIG ? EAS_FIND_INVALID
		       : rc == RC_CONFLICT                    ? EAS_FIND_FOLDERS
		       : rc == RC_DENIED                      ? EAS_STATUS_RETRY_LATER
		                                              : EAS_STATUS_SERVER_ERROR;
	case WBXML_RESOLVERECIPIENTS_RESOLVERECIPIENTS:
		return rc == RC_OK        ? EAS_STATUS_OK
		       : rc == RC_INVALID ? EAS_RESOLVE_PROTOCOL
		                          : EAS_RESOLVE_SERVER;
	case WBXML_VALIDATECERT_VALIDATECERT:
		return rc == RC_OK        ? EAS_STATUS_OK
		       : rc == RC_INVALID ? EAS_CERT_PROTOCOL
		                          : EAS_CERT_SERVER;
	case WBXML_PING_PING:
		return rc == RC_INVALID ? EAS_PING_SYNTAX : EAS_PING_SERVER;
	case WBXML_PROVISION_PROVISION:
		return rc == RC_OK        ? EAS_STATUS_OK
		       : rc == RC_INVALID ? EAS_PROVISION_PROTOCOL
		                          : EAS_PROVISION_SERVER;
	case WBXML_SETTINGS_SETTINGS:
		return rc == RC_OK        ? EAS_STATUS_OK
		       : rc == RC_INVALID ? EAS_SETTINGS_PROTOCOL
		                          : EAS_SETTINGS_UNAVAILABLE;
	default: /* ComposeMail and what only knows the common codes */
		return send_status(rc);
	}
}
