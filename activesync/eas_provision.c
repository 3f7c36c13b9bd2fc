/* SPDX-License-Identifier: ISC
 *
 * eas_provision.c - policies and remote wipe: [MS-ASPROV] 2.2.2, 3.2.5.1.
 *
 * Two phases: the client asks and gets the policy under a temporary key; it acknowledges
 * that key and gets the final one. A wipe is confirmed only by the signed-in device that
 * a wipe is pending for.
 */
#include "activesync/eas_legacy.h"
#include "activesync/eas_private.h"
#include "activesync/eas_wap.h"

#define POLICY_TYPE "MS-EAS-Provisioning-WBXML"

static void
flag(struct wbxml_writer *w, wbxml_tag tag, bool v)
{
	wbxml_u64(w, tag, v);
}

/* "" as value: not set. */
static void
number_or_empty(struct wbxml_writer *w, wbxml_tag tag, bool set, uint64_t v)
{
	if (set)
		wbxml_u64(w, tag, v);
	else
		wbxml_empty(w, tag);
}

static void
write_password(struct wbxml_writer *w, const struct mdm_policy *p)
{
	bool on = p->password_required;

	flag(w, WBXML_PROVISION_DEVICEPASSWORDENABLED, on);
	flag(w, WBXML_PROVISION_ALPHANUMERICDEVICEPASSWORDREQUIRED,
	     on && p->password_alphanumeric);
	flag(w, WBXML_PROVISION_PASSWORDRECOVERYENABLED, on && p->password_recovery);
	flag(w, WBXML_PROVISION_REQUIRESTORAGECARDENCRYPTION,
	     p->card_encryption_required);
	flag(w, WBXML_PROVISION_ATTACHMENTSENABLED, p->attachments_allowed);
	number_or_empty(w, WBXML_PROVISION_MINDEVICEPASSWORDLENGTH,
	                on && p->password_length_min > 0,
	                (uint64_t)p->password_length_min);
	/* Seconds; 9999 and more mean never (2.2.2.33). */
	wbxml_u64(w, WBXML_PROVISION_MAXINACTIVITYTIMEDEVICELOCK,
	          on && p->lock_after_ms > 0 ? p->lock_after_ms / 1000 : 9999);
	number_or_empty(w, WBXML_PROVISION_MAXDEVICEPASSWORDFAILEDATTEMPTS,
	                on && p->password_failures_max > 0,
	                (uint64_t)p->password_failures_max);
	number_or_empty(w, WBXML_PROVISION_MAXATTACHMENTSIZE, p->attachment_max > 0,
	                p->attachment_max);
	flag(w, WBXML_PROVISION_ALLOWSIMPLEDEVICEPASSWORD,
	     !on || p->password_simple_allowed);
	number_or_empty(w, WBXML_PROVISION_DEVICEPASSWORDEXPIRATION,
	                on && p->password_expires_days > 0,
	                (uint64_t)p->password_expires_days);
	wbxml_u64(w, WBXML_PROVISION_DEVICEPASSWORDHISTORY,
	          on ? (uint64_t)p->password_history : 0);
}

/* 2.2.2.31: 0 all, then 4 to 7 as FilterType counts for calendars. */
static unsigned
calendar_age(int v)
{
	return v > 0 ? (unsigned)v + 3 : 0;
}

static void
write_device_rules(struct wbxml_writer *w, const struct mdm_policy *p)
{
	bool strict = p->password_required && p->password_alphanumeric;

	flag(w, WBXML_PROVISION_ALLOWSTORAGECARD, p->removable_storage_allowed);
	flag(w, WBXML_PROVISION_ALLOWCAMERA, p->camera_allowed);
	flag(w, WBXML_PROVISION_REQUIREDEVICEENCRYPTION, p->encryption_required);
	flag(w, WBXML_PROVISION_ALLOWUNSIGNEDAPPLICATIONS,
	     p->unsigned_applications_allowed);
	flag(w, WBXML_PROVISION_ALLOWUNSIGNEDINSTALLATIONPACKAGES,
	     p->unsigned_packages_allowed);
	wbxml_u64(w, WBXML_PROVISION_MINDEVICEPASSWORDCOMPLEXCHARACTERS,
	          strict && p->password_complex_min > 1
	                  ? (uint64_t)p->password_complex_min
	                  : 1);
	flag(w, WBXML_PROVISION_ALLOWWIFI, p->wifi_allowed);
	flag(w, WBXML_PROVISION_ALLOWTEXTMESSAGING, p->text_messaging_allowed);
	flag(w, WBXML_PROVISION_ALLOWPOPIMAPEMAIL, p->pop_imap_allowed);
	wbxml_u64(w, WBXML_PROVISION_ALLOWBLUETOOTH, (uint64_t)p->bluetooth_allowed);
	flag(w, WBXML_PROVISION_ALLOWIRDA, p->irda_allowed);
	flag(w, WBXML_PROVISION_REQUIREMANUALSYNCWHENROAMING, p->roaming_manual_sync);
	flag(w, WBXML_PROVISION_ALLOWDESKTOPSYNC, p->desktop_sync_allowed);
	wbxml_u64(w, WBXML_PROVISION_MAXCALENDARAGEFILTER,
	          calendar_age(p->calendar_age_max));
	flag(w, WBXML_PROVISION_ALLOWHTMLEMAIL, p->html_allowed);
	wbxml_u64(w, WBXML_PROVISION_MAXEMAILAGEFILTER, (uint64_t)p->mail_age_max);
}

static void
signed_number(struct wbxml_writer *w, wbxml_tag tag, int64_t v)
{
	if (v < 0)
		wbxml_str(w, tag, "-1");
	else
		wbxml_u64(w, tag, (uint64_t)v);
}

static void
write_mail_rules(struct wbxml_writer *w, const struct mdm_policy *p)
{
	signed_number(w, WBXML_PROVISION_MAXEMAILBODYTRUNCATIONSIZE, p->mail_body_max);
	signed_number(w, WBXML_PROVISION_MAXEMAILHTMLBODYTRUNCATIONSIZE,
	              p->mail_html_max);
	flag(w, WBXML_PROVISION_REQUIRESIGNEDSMIMEMESSAGES, p->smime_signed_required);
	flag(w, WBXML_PROVISION_REQUIREENCRYPTEDSMIMEMESSAGES,
	     p->smime_encrypted_required);
	wbxml_u64(w, WBXML_PROVISION_REQUIRESIGNEDSMIMEALGORITHM,
	          (uint64_t)p->smime_signed_algorithm);
	wbxml_u64(w, WBXML_PROVISION_REQUIREENCRYPTIONSMIMEALGORITHM,
	          (uint64_t)p->smime_encrypted_algorithm);
	wbxml_u64(w, WBXML_PROVISION_ALLOWSMIMEENCRYPTIONALGORITHMNEGOTIATION,
	          (uint64_t)p->smime_negotiation);
	flag(w, WBXML_PROVISION_ALLOWSMIMESOFTCERTS, p->smime_soft_certs_allowed);
	flag(w, WBXML_PROVISION_ALLOWBROWSER, p->browser_allowed);
	flag(w, WBXML_PROVISION_ALLOWCONSUMEREMAIL, p->consumer_email_allowed);
	flag(w, WBXML_PROVISION_ALLOWREMOTEDESKTOP, p->remote_desktop_allowed);
	flag(w, WBXML_PROVISION_ALLOWINTERNETSHARING, p->internet_sharing_allowed);
}

/* 2.2.2.22, 2.2.2.55: an empty list that is there would mean "none". */
static void
write_list(struct wbxml_writer *w, wbxml_tag tag, wbxml_tag item,
           const struct conf_list *list)
{
	if (list->n == 0)
		return;
	wbxml_start(w, tag);
	for (size_t i = 0; i < list->n; i++)
		wbxml_str(w, item, list->items[i]);
	wbxml_end(w);
}

/* 2.2.2.28; the order is the schema's. */
static void
write_document(struct wbxml_writer *w, const struct mdm_policy *p)
{
	wbxml_start(w, WBXML_PROVISION_EASPROVISIONDOC);
	write_password(w, p);
	write_device_rules(w, p);
	write_mail_rules(w, p);
	write_list(w, WBXML_PROVISION_UNAPPROVEDINROMAPPLICATIONLIST,
	           WBXML_PROVISION_APPLICATIONNAME, &p->unapproved_rom_applications);
	write_list(w, WBXML_PROVISION_APPROVEDAPPLICATIONLIST, WBXML_PROVISION_HASH,
	           &p->approved_applications);
	wbxml_end(w);
}

static void
write_data(struct wbxml_writer *w, struct span type, const struct mdm_policy *p)
{
	AUTO_DONE(buf) struct buf xml = BUF_INIT(0);

	if (span_is(type, EAS_WAP_POLICY_TYPE)) {
		eas_wap_write(p, &xml);
		wbxml_text(w, WBXML_PROVISION_DATA, buf_span(&xml));
		return;
	}
	wbxml_start(w, WBXML_PROVISION_DATA);
	write_document(w, p);
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
	if (document)
		write_data(&w, type, document);
	wbxml_end(&w);
	wbxml_end(&w);
	wbxml_end(&w);
}

static struct mdm_actor
device_of(const struct eas_call *c)
{
	return (struct mdm_actor){ SPAN("device"), span_str(c->peer ? c->peer : "-") };
}

/* May a device come in that has applied the policy so far (2.2.2.54.1)? 3.1.5.2 has what
 * it is told if not. */
static bool
is_enough(struct eas_call *c, uint32_t applied)
{
	const struct mdm_actor by = device_of(c);
	unsigned status = EAS_STATUS_NOT_FULLY_PROVISIONABLE;

	if (applied == EAS_APPLIED ||
	    (applied == EAS_APPLIED_IN_PART && c->policy.partial_allowed) ||
	    (applied == EAS_APPLIED_BY_OTHERS && c->policy.managed_elsewhere_allowed))
		return true;
	if (applied == EAS_APPLIED_BY_OTHERS)
		status = EAS_STATUS_EXTERNALLY_MANAGED;
	log_warn(c->log, "eas.provision not applied", "applied=%u", applied);
	mdm_audit_once(c->eas->deps.mdm, &by, "device.policy_not_taken", c->user.id,
	               c->device.id,
	               applied == EAS_APPLIED_IN_PART ? "applied in part only"
	               : applied == EAS_APPLIED_NOT   ? "not applied"
	                                              : "managed by somebody else");
	if (c->query.version >= 140)
		eas_answer_status(c, status);
	else /* there is no such status; it shows a key that is none */
		eas_answer_http(c, 403);
	return false;
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
	if (applied < EAS_APPLIED || applied > EAS_APPLIED_BY_OTHERS) {
		eas_answer_status(c, EAS_PROVISION_PROTOCOL);
		return;
	}
	if (!is_enough(c, applied))
		return;
	rc = mdm_policy_acknowledge(c->eas->deps.mdm, c->user.id, c->device.number, shown,
	                            applied != EAS_APPLIED, c->peer, &key);
	if (rc == RC_CONFLICT || rc == RC_NOT_FOUND) {
		answer_policy(c, false, 0, type, EAS_POLICY_WRONG_KEY, 0, NULL);
		return;
	}
	if (rc != RC_OK) {
		eas_answer_rc(c, rc);
		return;
	}
	log_info(c->log, "eas.provision done", "applied=%u", applied);
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

/* MS-ASPROV 2.2.2.1: before 16.1 there is no word for a wipe of the account only. */
static wbxml_tag
wipe_tag(const struct eas_call *c)
{
	if (c->device.state == STORE_DEVICE_WIPE_PENDING)
		return WBXML_PROVISION_REMOTEWIPE;
	if (c->device.state == STORE_DEVICE_ACCOUNT_WIPE_PENDING &&
	    c->query.version >= 161)
		return WBXML_PROVISION_ACCOUNTONLYREMOTEWIPE;
	return 0;
}

static void
ask_wipe(struct eas_call *c, unsigned status)
{
	const struct mdm_actor by = device_of(c);
	struct wbxml_writer w;
	enum rc rc;

	/* What it does not know of it cannot confirm. */
	rc = mdm_wipe_sent(c->eas->deps.mdm, c->user.id, c->device.number, &by);
	if (rc != RC_OK) {
		eas_answer_rc(c, rc);
		return;
	}
	log_warn(c->log, "eas.wipe asked", "device=%u", c->device.number);
	eas_answer_begin(c, &w);
	wbxml_start(&w, WBXML_PROVISION_PROVISION);
	wbxml_u64(&w, WBXML_PROVISION_STATUS, status);
	wbxml_empty(&w, wipe_tag(c));
	wbxml_end(&w);
}

static void
refuse_confirmation(struct eas_call *c, const char *why)
{
	const struct mdm_actor by = device_of(c);

	log_warn(c->log, "eas.wipe false confirmation", "state=%s why=\"%s\"",
	         LOG_STR(span_str(store_device_state_str(c->device.state))), why);
	mdm_audit_once(c->eas->deps.mdm, &by, "device.wipe_refused", c->user.id,
	               c->query.device_id, why);
	eas_answer_status(c, EAS_PROVISION_PROTOCOL);
}

/* Who shows another device's key is not this one, whoever has signed in. */
static bool
shows_foreign_key(const struct eas_call *c)
{
	uint32_t shown = c->query.policy_key;

	return shown != 0 && c->device.policy_key != 0 && shown != c->device.policy_key &&
	       shown != c->device.policy_key_pending;
}

/* 3.2.5.1.2.2. Some clients put the Status before RemoteWipe, not into it (old iOS). */
static void
confirm_wipe(struct eas_call *c, const struct wbxml_node *wipe)
{
	struct span status = wbxml_child_text(wipe, WBXML_PROVISION_STATUS);
	struct mdm *m = c->eas->deps.mdm;
	const struct mdm_actor by = device_of(c);
	bool full = c->device.state == STORE_DEVICE_WIPE_PENDING;
	enum rc rc;

	if (status.n == 0)
		status = wbxml_child_text(c->root, WBXML_PROVISION_STATUS);
	if (c->device.number == 0 || wipe->tag != wipe_tag(c)) {
		refuse_confirmation(c, "no such wipe is pending");
	} else if (c->device.wipe_sent_ms == 0) {
		refuse_confirmation(c, "it was not told to wipe yet");
	} else if (shows_foreign_key(c)) {
		refuse_confirmation(c, "the policy key is not this device's");
	} else if (span_is(status, "2")) {
		log_warn(c->log, "eas.wipe failed", "device=%u", c->device.number);
		mdm_audit_once(m, &by, "device.wipe_failed", c->user.id, c->device.id,
		               "the device says that it could not");
		ask_wipe(c, EAS_PROVISION_PROTOCOL);
	} else if (!span_is(status, "1")) {
		refuse_confirmation(c, "the status is none of a wipe");
	} else {
		rc = mdm_device_set_state(
			m, c->user.id, c->device.number,
			full ? STORE_DEVICE_WIPED : STORE_DEVICE_ACCOUNT_WIPED,
			c->by_key ? SPAN("confirmed by the device's key")
				  : SPAN("confirmed by the device"),
			&by);
		log_warn(c->log, "eas.wipe confirmed", "rc=%s",
		         LOG_STR(span_str(rc_str(rc))));
		if (rc == RC_OK)
			eas_answer_status(c, EAS_STATUS_OK);
		else
			eas_answer_rc(c, rc);
	}
}

/* 2.2.2.43. A device of 2.5 that reads the newer form may have it. */
static bool
is_known(const struct eas_call *c, struct span type)
{
	return span_is(type, POLICY_TYPE) ||
	       (span_is(type, EAS_WAP_POLICY_TYPE) && eas_is_legacy(c->query.version));
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
	if (c->device.number != 0 && mdm_is_wipe(c->device.state)) {
		ask_wipe(c, EAS_STATUS_OK);
		return;
	}
	if (!policy || type.n == 0) {
		/* An empty Provision asks whether a wipe is due: none is. */
		eas_answer_status(c, policies ? EAS_PROVISION_PROTOCOL : EAS_STATUS_OK);
		return;
	}
	if (!is_known(c, type)) {
		answer_policy(c, false, 0, type, EAS_POLICY_UNKNOWN_TYPE, 0, NULL);
		return;
	}
	if (wbxml_child(policy, WBXML_PROVISION_POLICYKEY))
		acknowledge(c, type, policy);
	else
		begin(c, type, info);
}
