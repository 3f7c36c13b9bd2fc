/* SPDX-License-Identifier: ISC
 *
 * eas_settings.c - Settings: [MS-ASCMD] 2.2.1.18, 2.2.3.177.15.
 */
#include "activesync/eas_settings.h"
#include "base/clock.h"
#include "store/store_device.h"
#include "store/store_recovery.h"

#define PASSWORD_MAX 255 /* characters; 2.2.3.132.3 */

static void
add_fact(struct buf *json, const char *name, struct span v)
{
	if (v.n == 0)
		return;
	buf_add_str(json, buf_len(json) > 1 ? "," : "");
	buf_add_json(json, span_str(name));
	buf_add_char(json, ':');
	buf_add_json(json, utf8_prefix(v, 256));
}

/* MS-ASCMD 2.2.3.45: what is not told is kept as it was. */
enum rc
eas_device_information(struct eas_call *c, const struct wbxml_node *info)
{
	const struct wbxml_node *set = wbxml_child(info, WBXML_SETTINGS_SET);
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO_DONE(buf) struct buf json = BUF_INIT(8192);
	struct store_device d;
	struct span v;
	uint32_t number;
	enum rc rc;

	if (!set)
		return RC_INVALID;
	if (c->device.number == 0)
		return RC_OK;
	buf_add_char(&json, '{');
	add_fact(&json, "imei", wbxml_child_text(set, WBXML_SETTINGS_IMEI));
	add_fact(&json, "friendly_name",
	         wbxml_child_text(set, WBXML_SETTINGS_FRIENDLYNAME));
	add_fact(&json, "os_language", wbxml_child_text(set, WBXML_SETTINGS_OSLANGUAGE));
	add_fact(&json, "phone_number",
	         wbxml_child_text(set, WBXML_SETTINGS_PHONENUMBER));
	add_fact(&json, "operator", wbxml_child_text(set, WBXML_SETTINGS_MOBILEOPERATOR));
	buf_add_char(&json, '}');
	rc = eas_write(c, true, &tx);
	if (rc == RC_OK)
		rc = store_device_load(tx, c->device.number, c->arena, &d);
	if (rc != RC_OK)
		return rc;
	v = wbxml_child_text(set, WBXML_SETTINGS_MODEL);
	if (v.n > 0)
		d.model = utf8_prefix(v, 128);
	v = wbxml_child_text(set, WBXML_SETTINGS_OS);
	if (v.n > 0)
		d.os = utf8_prefix(v, 128);
	v = wbxml_child_text(set, WBXML_SETTINGS_USERAGENT);
	if (v.n > 0)
		d.user_agent = utf8_prefix(v, 128);
	if (buf_len(&json) > 2 && buf_ok(&json))
		d.extra = buf_span(&json);
	rc = store_device_save(tx, &d, &number);
	return rc == RC_OK ? store_commit(&tx) : rc;
}

static void
write_address(struct eas_call *c, struct wbxml_writer *w)
{
	wbxml_start(w, WBXML_SETTINGS_EMAILADDRESSES);
	wbxml_text(w, WBXML_SETTINGS_SMTPADDRESS, c->user.address);
	if (c->query.version >= 141)
		wbxml_text(w, WBXML_SETTINGS_PRIMARYSMTPADDRESS, c->user.address);
	wbxml_end(w);
}

/* 2.2.3.192; from 14.1 on inside Accounts */
static void
write_user(struct eas_call *c, struct wbxml_writer *w)
{
	wbxml_start(w, WBXML_SETTINGS_USERINFORMATION);
	wbxml_u64(w, WBXML_SETTINGS_STATUS, EAS_STATUS_OK);
	wbxml_start(w, WBXML_SETTINGS_GET);
	if (c->query.version >= 141) {
		wbxml_start(w, WBXML_SETTINGS_ACCOUNTS);
		wbxml_start(w, WBXML_SETTINGS_ACCOUNT);
		if (c->user.name.n > 0)
			wbxml_text(w, WBXML_SETTINGS_USERDISPLAYNAME, c->user.name);
		write_address(c, w);
		wbxml_end(w);
		wbxml_end(w);
	} else {
		write_address(c, w);
	}
	wbxml_end(w);
	wbxml_end(w);
}

static size_t
characters(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

/* 2.2.3.132.3: the recovery password, which an empty one clears. It is kept where the
 * policy wants it (MS-ASPROV 2.2.2.39), and nowhere else; it is never logged. */
static enum rc
set_password(struct eas_call *c, const struct wbxml_node *n, unsigned *ret_status)
{
	const struct wbxml_node *password =
		wbxml_child(wbxml_child(n, WBXML_SETTINGS_SET), WBXML_SETTINGS_PASSWORD);
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	enum rc rc;

	if (!password)
		*ret_status = EAS_SETTINGS_PROTOCOL;
	else if (!c->policy.enforce || !c->policy.password_required ||
	         !c->policy.password_recovery || c->device.number == 0)
		*ret_status = EAS_SETTINGS_BY_POLICY;
	else if (characters(password->text) > PASSWORD_MAX)
		*ret_status = EAS_SETTINGS_ARGUMENTS;
	else
		*ret_status = EAS_STATUS_OK;
	if (*ret_status != EAS_STATUS_OK)
		return RC_OK;
	rc = eas_write(c, true, &tx);
	if (rc == RC_OK)
		rc = store_recovery_set(tx, c->device.number, password->text,
		                        clock_wall_ms());
	if (rc == RC_OK)
		rc = store_commit(&tx);
	if (rc == RC_OK)
		log_info(c->log, "eas.recovery password", "set=%d", password->text.n > 0);
	return rc;
}

/* 2.2.3.60: a device that is to send text messages needs a number. */
static bool
wants_number(const struct wbxml_node *info)
{
	const struct wbxml_node *set = wbxml_child(info, WBXML_SETTINGS_SET);

	return span_is(wbxml_child_text(set, WBXML_SETTINGS_ENABLEOUTBOUNDSMS), "1") &&
	       wbxml_child_text(set, WBXML_SETTINGS_PHONENUMBER).n == 0;
}

static void
write_status(struct wbxml_writer *w, wbxml_tag tag, unsigned status)
{
	wbxml_start(w, tag);
	wbxml_u64(w, WBXML_SETTINGS_STATUS, status);
	wbxml_end(w);
}

/* One question and its answer, nothing of it written when the store fails. */
static enum rc
answer_one(struct eas_call *c, const struct wbxml_node *n, struct wbxml_writer *w)
{
	unsigned status = EAS_STATUS_OK;
	enum rc rc = RC_OK;

	switch (n->tag) {
	case WBXML_SETTINGS_OOF:
		return eas_settings_oof(c, n, w);
	case WBXML_SETTINGS_DEVICEINFORMATION:
		status = EAS_SETTINGS_ARGUMENTS;
		if (!wants_number(n)) {
			rc = eas_device_information(c, n);
			status = eas_status_from_rc(c->command, rc);
			rc = rc == RC_AGAIN ? rc : RC_OK;
		}
		break;
	case WBXML_SETTINGS_DEVICEPASSWORD:
		rc = set_password(c, n, &status);
		break;
	case WBXML_SETTINGS_USERINFORMATION:
		if (wbxml_child(n, WBXML_SETTINGS_GET)) {
			write_user(c, w);
			return RC_OK;
		}
		status = EAS_SETTINGS_PROTOCOL;
		break;
	case WBXML_SETTINGS_RIGHTSMANAGEMENTINFORMATION:
		/* There is no rights management here. */
		status = EAS_STATUS_IRM_DISABLED;
		break;
	default:
		return RC_OK;
	}
	if (rc == RC_OK)
		write_status(w, n->tag, status);
	return rc;
}

/* 2.2.1.18: answers come in the order of the questions. */
void
eas_settings_start(struct eas_call *c)
{
	const struct wbxml_node *root = c->root;
	struct wbxml_writer w;

	if (root->tag != WBXML_SETTINGS_SETTINGS || !root->first) {
		eas_answer_status(c, EAS_SETTINGS_PROTOCOL);
		return;
	}
	eas_answer_begin(c, &w);
	wbxml_start(&w, WBXML_SETTINGS_SETTINGS);
	wbxml_u64(&w, WBXML_SETTINGS_STATUS, EAS_STATUS_OK);
	for (const struct wbxml_node *n = root->first; n; n = n->next) {
		enum rc rc = answer_one(c, n, &w);

		if (rc != RC_OK) {
			eas_answer_rc(c, rc);
			return;
		}
	}
	wbxml_end(&w);
}
