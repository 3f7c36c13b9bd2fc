/* SPDX-License-Identifier: ISC
 *
 * mdm_policy.c - the policy, its version, and the two-phase handshake of MS-ASPROV 3.1.5.
 */
#include "mdm/mdm_policy.h"

#include "mdm/mdm_private.h"

/* A hash of the content: a changed option moves it, a restart does not. */
static uint32_t
version_of(const struct mdm_policy *p)
{
	AUTO_DONE(buf) struct buf b = { 0 };
	buf_addf(&b, "1 %d %d %d %d", p->enforce, p->password_required,
	         p->password_alphanumeric, p->password_simple_allowed);
	buf_addf(&b, " %lld %lld %llu", (long long)p->password_length_min,
	         (long long)p->password_failures_max,
	         (unsigned long long)p->lock_after_ms);
	buf_addf(&b, " %d %d %d %d %d", p->encryption_required, p->camera_allowed,
	         p->browser_allowed, p->html_allowed, p->attachments_allowed);
	buf_addf(&b, " %llu %d %d %d", (unsigned long long)p->attachment_max,
	         p->bluetooth_allowed, p->wifi_allowed, p->removable_storage_allowed);
	struct sha256 digest;
	uint32_t version;
	sha256_of(buf_span(&b), &digest);
	memcpy(&version, digest.b, sizeof(version));
	return version ? version : 1;
}

void
mdm_set_policy(struct mdm *m, const struct mdm_policy *p)
{
	struct mdm_policy copy = *p;
	copy.version = version_of(p);
	pthread_mutex_lock(&m->policy_lock);
	uint32_t before = m->policy.version;
	m->policy = copy;
	pthread_mutex_unlock(&m->policy_lock);
	if (before != copy.version)
		log_info(NULL, "mdm.policy", "version=%08x before=%08x enforce=%d",
		         copy.version, before, copy.enforce);
}

void
mdm_policy_get(struct mdm *m, const struct store_user *user UNUSED,
               struct mdm_policy *ret)
{
	pthread_mutex_lock(&m->policy_lock);
	*ret = m->policy;
	pthread_mutex_unlock(&m->policy_lock);
}

/* MS-ASPROV 2.2.2.42: a key is a 32-bit number; 0 asks for one. */
static uint32_t
random_key(void)
{
	return (uint32_t)random_below(UINT32_MAX) + 1;
}

/* One step of the handshake: changes d, or says why not. */
typedef enum rc step_fn(struct store_device *d, uint32_t version, uint32_t key);

static enum rc
run_step(struct mdm *m, uint64_t user, uint32_t device, step_fn *step, uint32_t key,
         struct store_device *ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_actor who = { .device = device, .protocol = "mdm" };
	struct store_device d;
	struct mdm_policy policy;
	mdm_policy_get(m, NULL, &policy);
	enum rc rc = store_write(m->store, user, &who, &tx);
	if (rc == RC_OK)
		rc = store_device_load(tx, device, a, &d);
	if (rc == RC_OK)
		rc = step(&d, policy.version, key);
	if (rc == RC_OK)
		rc = store_device_save(tx, &d, &d.number);
	if (rc == RC_OK)
		rc = store_commit(&tx);
	if (rc == RC_OK)
		*ret = d;
	return rc;
}

static enum rc
begin(struct store_device *d, uint32_t version, uint32_t key UNUSED)
{
	d->policy_key_pending = random_key();
	/* The key of an older policy must not come to stand for this one. */
	if (d->policy_version != version)
		d->policy_key = 0;
	d->policy_version = version;
	return RC_OK;
}

static enum rc
acknowledge(struct store_device *d, uint32_t version, uint32_t key)
{
	/* The policy may have changed since it was handed out, too. */
	if (key == 0 || d->policy_key_pending != key || d->policy_version != version)
		return RC_CONFLICT;
	d->policy_key = random_key();
	d->policy_key_pending = 0;
	return RC_OK;
}

enum rc
mdm_policy_begin(struct mdm *m, uint64_t user, uint32_t device, uint32_t *ret_key)
{
	struct store_device d;
	enum rc rc = run_step(m, user, device, begin, 0, &d);
	if (rc == RC_OK)
		*ret_key = d.policy_key_pending;
	return rc;
}

enum rc
mdm_policy_acknowledge(struct mdm *m, uint64_t user, uint32_t device, uint32_t key,
                       uint32_t *ret_key)
{
	struct store_device d;
	enum rc rc = run_step(m, user, device, acknowledge, key, &d);
	if (rc != RC_OK)
		return rc;
	log_info(NULL, "mdm.policy_taken", "user=%llu dev=%u version=%08x actor=device",
	         (unsigned long long)user, device, d.policy_version);
	*ret_key = d.policy_key;
	return RC_OK;
}

bool
mdm_policy_is_current(struct mdm *m, const struct store_user *user,
                      const struct store_device *d, uint32_t key)
{
	struct mdm_policy policy;
	mdm_policy_get(m, user, &policy);
	if (!policy.enforce)
		return true;
	return key != 0 && key == d->policy_key && d->policy_version == policy.version;
}
