/* SPDX-License-Identifier: ISC
 *
 * eas_provision.c - policies and remote wipe: [MS-ASPROV] 2.2.2, 3.2.5.1.
 *
 * Two phases: the client asks and gets the policy under a temporary key; it acknowledges
 * that key and gets the final one. A wipe is confirmed only by the signed-in device that
 * a wipe is pending for.
 */
#include "activesync/eas_private.h"

#define POLICY_TYPE "MS-EAS-Provisioning-WBXML"

static void
flag(struct wbxml_writer *w, wbxml_tag tag, bool v)
{
	wbxml_u64(w, tag, v);
}

/* 2.2.2.28; the order is the schema's. What the policy does not speak of is allowed. */
static void
write_document(struct wbxml_writer *w, const struct mdm_policy *p)
{
	wbxml_start(w, WBXML_PROVISION_EASPROVISIONDOC);
	flag(w, WBXML_PROVISION_DEVICEPASSWORDENABLED, p->password_required);
	flag(w, WBXML_PROVISION_ALPHANUMERICDEVICEPASSWORDREQUIRED,
	     p->password_required && p->password_alphanumeric);
	flag(w, WBXML_PROVISION_PASSWORDRECOVERYENABLED, false);
	flag(w, WBXML_PROVISION_REQUIRESTORAGECARDENCRYPTION, p->encryption_required);
	flag(w, WBXML_PROVISION_ATTACHMENTSENABLED, p->attachments_allowed);
	if (p->password_required && p->password_length_min > 0)
		wbxml_u64(w, WBXML_PROVISION_MINDEVICEPASSWORDLENGTH,
		          (uint64_t)p->password_length_min);
	else
		wbxml_empty(w, WBXML_PROVISION_MINDEVICEPASSWORDLENGTH);
	/* Seconds; 9999 and more mean never (2.2.2.33). */
	wbxml_u64(w, WBXML_PROVISION_MAXINACTIVITYTIMEDEVICELOCK,
	          p->password_required && p->lock_after_ms > 0 ? p->lock_after_ms / 1000
	                                                       : 9999);
	if (p->password_required && p->password_failures_max > 0)
		wbxml_u64(w, WBXML_PROVISION_MAXDEVICEPASSWORDFAILEDATTEMPTS,
		          (uint64_t)p->password_failures_max);
	else
		wbxml_empty(w, WBXML_PROVISION_MAXDEVICEPASSWORDFAILEDATTEMPTS);
	if (p->attachment_max > 0)
		wbxml_u64(w, WBXML_PROVISION_MAXATTACHMENTSIZE, p->attachment_max);
	else
		wbxml_empty(w, WBXML_PROVISION_MAXATTACHMENTSIZE);
	flag(w, WBXML_PROVISION_ALLOWSIMPLEDEVICEPASSWORD,
	     !p->password_required || p->password_simple_allowed);
	wbxml_empty(w, WBXML_PROVISION_DEVICEPASSWORDEXPIRATION);
	wbxml_u64(w, WBXML_PROVISION_DEVICEPASSWORDHISTORY, 0);
	flag(w, WBXML_PROVISION_ALLOWSTORAGECARD, p->removable_storage_allowed);
	flag(w, WBXML_PROVISION_ALLOWCAMERA, p->camera_allowed);
	flag(w, WBXML_PROVISION_REQUIREDEVICEENCRYPTION, p->encryption_required);
	flag(w, WBXML_PROVISION_ALLOWUNSIGNEDAPPLICATIONS, true);
	flag(w, WBXML_PROVISION_ALLOWUNSIGNEDINSTALLATIONPACKAGES, true);
	wbxml_u64(w, WBXML_PROVISION_MINDEVICEPASSWORDCOMPLEXCHARACTERS,
	          p->password_required && p->password_alphanumeric ? 2 : 1);
	flag(w, WBXML_PROVISION_ALLOWWIFI, p->wifi_allowed);
	flag(w, WBXML_PROVISION_ALLOWTEXTMESSAGING, true);
	flag(w, WBXML_PROVISION_ALLOWPOPIMAPEMAIL, true);
	/* 2.2.2.4: 0 off, 1 hands-free only, 2 allowed */
	wbxml_u64(w, WBXML_PROVISION_ALLOWBLUETOOTH, p->bluetooth_allowed ? 2 : 0);
	flag(w, WBXML_PROVISION_ALLOWIRDA, true);
	flag(w, WBXML_PROVISION_REQUIREMANUALSYNCWHENROAMING, false);
	flag(w, WBXML_PROVISION_ALLOWDESKTOPSYNC, true);
	wbxml_u64(w, WBXML_PROVISION_MAXCALENDARAGEFILTER, 0);
	flag(w, WBXML_PROVISION_ALLOWHTMLEMAIL, p->html_allowed);
	wbxml_u64(w, WBXML_PROVISION_MAXEMAILAGEFILTER, 0);
	wbxml_str(w, WBXML_PROVISION_MAXEMAILBODYTRUNCATIONSIZE, "-1");
	wbxml_str(w, WBXML_PROVISION_MAXEMAILHTMLBODYTRUNCATIONSIZE, "-1");
	flag(w, WBXML_PROVISION_REQUIRESIGNEDSMIMEMESSAGES, false);
	flag(w, WBXML_PROVISION_REQUIREENCRYPTEDSMIMEMESSAGES, false);
	wbxml_u64(w, WBXML_PROVISION_REQUIRESIGNEDSMIMEALGORITHM, 0);
	wbxml_u64(w, WBXML_PROVISION_REQUIREENCRYPTIONSMIMEALGORITHM, 0);
	wbxml_u64(w, WBXML_PROVISION_ALLOWSMIMEENCRYPTIONALGORITHMNEGOTIATION, 2);
	flag(w, WBXML_PROVISION_ALLOWSMIMESOFTCERTS, true);
	flag(w, WBXML_PROVISION_ALLOWBROWSER, p->browser_allowed);
	flag(w, WBXML_PROVISION_ALLOWCONSUMEREMAIL, true);
	flag(w, WBXML_PROVISION_ALLOWREMOTEDESKTOP, true);
	flag(w, WBXML_PROVISION_ALLOWINTERNETSHARING, true);
	wbxml_end(w);
}

/* One Policy in its frame; key 0 and document NULL are left out. */
static void
answer_policy(struct eas_call *c, bool with_info, unsigned info_status, struct span type,
              unsigned status, uint32_t key, const struct mdm_policy *document)
{
	struct wbxml_writer w;

	eas_answer_begin(c, &w);
	wbxml_start(&w, WBXML_PROVISION_PROVISION);
	if (with_info) {
		wbxml_start(&w, WBXML_SETTINGS_DEVICEINFORMATION);
		wbxml_u64(&w, WBXML_SETTINGS_STATUS, info_status);
		wbxml_end(&w);
	}
	wbxml_u64(&w, WBXML_PROVISION_STATUS, EAS_STATUS_OK);
	wbxml_start(&w, WBXML_PROVISION_POLICIES);
	wbxml_start(&w, WBXML_PROVISION_POLICY);
	wbxml_text(&w, WBXML_PROVISION_POLICYTYPE, type);
	wbxml_u64(&w, WBXML_PROVISION_STATUS, status);
	if (key != 0)
		wbxml_u64(&w, WBXML_PROVISION_POLICYKEY, key);
	if (document) {
		wbxml_start(&w, WBXML_PROVISION_DATA);
		write_document(&w, document);
		wbxml_end(&w);
	}
	wbxml_end(&w);
	wbxml_end(&w);
	wbxml_end(&w);
}

/* 3.2.5.1.2.1 */
static void
acknowledge(struct eas_call *c, struct span type, const struct wbxml_node *policy)
{
	uint32_t shown, applied, key;
	enum rc rc;

	if (wbxml_child_u32(policy, WBXML_PROVISION_POLICYKEY, UINT32_MAX, &shown) !=
	            RC_OK ||
	    wbxml_child_u32(policy, WBXML_PROVISION_STATUS, 255, &applied) != RC_OK) {
		eas_answer_status(c, EAS_PROVISION_PROTOCOL);
		return;
	}
	if (applied == EAS_APPLIED_BY_OTHERS || applied == EAS_APPLIED_NOT) {
		log_warn(c->log, "eas.provision not applied", "status=%u", applied);
		eas_answer_status(c, applied == EAS_APPLIED_NOT
		                             ? EAS_STATUS_NOT_FULLY_PROVISIONABLE
		                             : EAS_STATUS_EXTERNALLY_MANAGED);
		return;
	}
	if (applied != EAS_APPLIED && applied != EAS_APPLIED_IN_PART) {
		eas_answer_status(c, EAS_PROVISION_PROTOCOL);
		return;
	}
	rc = mdm_policy_acknowledge(c->eas->deps.mdm, c->user.id, c->device.number, shown,
	                            &key);
	if (rc == RC_CONFLICT || rc == RC_NOT_FOUND) {
		answer_policy(c, false, 0, type, EAS_POLICY_WRONG_KEY, 0, NULL);
		return;
	}
	if (rc != RC_OK) {
		eas_answer_rc(c, rc);
		return;
	}
	log_info(c->log, "eas.provision done", "applied=%s",
	         applied == EAS_APPLIED ? "all" : "part");
	answer_policy(c, false, 0, type, EAS_STATUS_OK, key, NULL);
}

static void
begin(struct eas_call *c, struct span type, const struct wbxml_node *info)
{
	unsigned info_status = EAS_STATUS_OK;
	uint32_t key;
	enum rc rc;

	if (info) {
		rc = eas_device_information(c, info);
		if (rc == RC_AGAIN) {
			eas_answer_rc(c, rc);
			return;
		}
		if (rc != RC_OK)
			info_status = rc == RC_INVALID ? EAS_SETTINGS_PROTOCOL
			                               : EAS_SETTINGS_UNAVAILABLE;
	}
	/* 3.2.5.1.1: Status 2 ends the client's loop. */
	if (!c->policy.enforce || c->device.number == 0) {
		answer_policy(c, info != NULL, info_status, type, EAS_POLICY_NONE, 0,
		              NULL);
		return;
	}
	rc = mdm_policy_begin(c->eas->deps.mdm, c->user.id, c->device.number, &key);
	if (rc != RC_OK) {
		eas_answer_rc(c, rc);
		return;
	}
	answer_policy(c, info != NULL, info_status, type, EAS_STATUS_OK, key, &c->policy);
}

/* 3.2.5.1.2.2. Some clients put the Status before RemoteWipe, not into it (old iOS). */
static void
confirm_wipe(struct eas_call *c, const struct wbxml_node *wipe)
{
	struct span status = wbxml_child_text(wipe, WBXML_PROVISION_STATUS);
	enum rc rc;

	if (status.n == 0)
		status = wbxml_child_text(c->root, WBXML_PROVISION_STATUS);
	if (c->device.number == 0 || c->device.state != STORE_DEVICE_WIPE_PENDING) {
		log_warn(c->log, "eas.wipe false confirmation", "state=%s",
		         LOG_STR(span_str(store_device_state_str(c->device.state))));
		eas_answer_status(c, EAS_PROVISION_PROTOCOL);
		return;
	}
	if (!span_is(status, "1")) {
		log_warn(c->log, "eas.wipe failed", "status=%s", LOG_STR(status));
		eas_answer_status(c, EAS_STATUS_OK);
		return;
	}
	rc = mdm_device_set_state(c->eas->deps.mdm, c->user.id, c->device.number,
	                          STORE_DEVICE_WIPED, SPAN("confirmed by the device"));
	log_warn(c->log, "eas.wipe confirmed", "rc=%s", LOG_STR(span_str(rc_str(rc))));
	if (rc == RC_OK)
		eas_answer_status(c, EAS_STATUS_OK);
	else
		eas_answer_rc(c, rc);
}

static void
ask_wipe(struct eas_call *c)
{
	struct wbxml_writer w;

	log_warn(c->log, "eas.wipe asked", "device=%u", c->device.number);
	eas_answer_begin(c, &w);
	wbxml_start(&w, WBXML_PROVISION_PROVISION);
	wbxml_u64(&w, WBXML_PROVISION_STATUS, EAS_STATUS_OK);
	wbxml_empty(&w, WBXML_PROVISION_REMOTEWIPE);
	wbxml_end(&w);
}

void
eas_provision_start(struct eas_call *c)
{
	const struct wbxml_node *root = c->root;
	const struct wbxml_node *info =
		wbxml_child(root, WBXML_SETTINGS_DEVICEINFORMATION);
	const struct wbxml_node *policies = wbxml_child(root, WBXML_PROVISION_POLICIES);
	const struct wbxml_node *policy = wbxml_child(policies, WBXML_PROVISION_POLICY);
	const struct wbxml_node *wipe = wbxml_child(root, WBXML_PROVISION_REMOTEWIPE);
	struct span type = wbxml_child_text(policy, WBXML_PROVISION_POLICYTYPE);

	if (root->tag != WBXML_PROVISION_PROVISION) {
		eas_answer_status(c, EAS_PROVISION_PROTOCOL);
		return;
	}
	if (!wipe)
		wipe = wbxml_child(root, WBXML_PROVISION_ACCOUNTONLYREMOTEWIPE);
	if (wipe) {
		confirm_wipe(c, wipe);
		return;
	}
	if (c->device.number != 0 && c->device.state == STORE_DEVICE_WIPE_PENDING) {
		ask_wipe(c);
		return;
	}
	if (!policy || type.n == 0) {
		/* An empty Provision asks whether a wipe is due: none is. */
		eas_answer_status(c, policies ? EAS_PROVISION_PROTOCOL : EAS_STATUS_OK);
		return;
	}
	if (!span_is(type, POLICY_TYPE)) {
		answer_policy(c, false, 0, type, EAS_POLICY_UNKNOWN_TYPE, 0, NULL);
		return;
	}
	if (wbxml_child(policy, WBXML_PROVISION_POLICYKEY))
		acknowledge(c, type, policy);
	else
		begin(c, type, info);
}
