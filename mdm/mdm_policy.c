/* SPDX-License-Identifier: ISC
 *
 * mdm_policy.c - the policy, its version, and the two-phase handshake of MS-ASPROV 3.1.5.
 */
#include "mdm/mdm_policy.h"

#include "mdm/mdm_private.h"

static void
add_option(struct buf *b, const struct conf_option *o, const void *section)
{
	const void *at = (const char *)section + o->offset;
	const struct conf_list *list = at;
	switch (o->type) {
	case CONF_BOOL:
		buf_addf(b, "%s=%d ", o->name, *(const bool *)at);
		break;
	case CONF_INT:
		buf_addf(b, "%s=%lld ", o->name, (long long)*(const int64_t *)at);
		break;
	case CONF_SIZE:
	case CONF_TIME:
		buf_addf(b, "%s=%llu ", o->name,
		         (unsigned long long)*(const uint64_t *)at);
		break;
	case CONF_ENUM:
		buf_addf(b, "%s=%d ", o->name, *(const int *)at);
		break;
	case CONF_STRING:
		buf_addf(b, "%s=%s ", o->name, *(char *const *)at);
		break;
	case CONF_LIST:
		for (size_t i = 0; i < list->n; i++)
			buf_addf(b, "%s=%zu:%s ", o->name, strlen(list->items[i]),
			         list->items[i]);
		break;
	}
}

/* A hash of the content, by the table of options: what is changed moves it, a restart
 * does not. */
static uint32_t
version_of(const struct mdm_policy *p)
{
	AUTO_DONE(buf) struct buf b = { 0 };
	for (size_t i = 0; i < mdm_policy_conf_section.n_options; i++)
		add_option(&b, &mdm_policy_conf_section.options[i], p);
	struct sha256 digest;
	uint32_t version;
	sha256_of(buf_span(&b), &digest);
	memcpy(&version, digest.b, sizeof(version));
	return version ? version : 1;
}

/* In m's arena: commands may still look at those of the policy before, so they stay. */
static void
keep_list(struct mdm *m, struct conf_list *l)
{
	char **items = arena_array(m->policy_arena, l->n, char *);
	for (size_t i = 0; i < l->n; i++)
		items[i] = arena_strndup(m->policy_arena, span_str(l->items[i]));
	l->items = items;
}

void
mdm_set_policy(struct mdm *m, const struct mdm_policy *p)
{
	struct mdm_policy copy = *p;
	copy.version = version_of(p);
	pthread_mutex_lock(&m->policy_lock);
	uint32_t before = m->policy.version;
	if (before != copy.version) {
		keep_list(m, &copy.exempt_types);
		keep_list(m, &copy.approved_applications);
		keep_list(m, &copy.unapproved_rom_applications);
		m->policy = copy;
	}
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
         struct arena *a, struct store_device *ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
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
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_device d;
	enum rc rc = run_step(m, user, device, begin, 0, a, &d);
	if (rc == RC_OK)
		*ret_key = d.policy_key_pending;
	return rc;
}

enum rc
mdm_policy_acknowledge(struct mdm *m, uint64_t user, uint32_t device, uint32_t key,
                       bool in_part, const char *peer, uint32_t *ret_key)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_device d;
	enum rc rc = run_step(m, user, device, acknowledge, key, a, &d);
	if (rc != RC_OK)
		return rc;
	const struct mdm_actor by = { SPAN("device"), span_str(peer ? peer : "-") };
	mdm_audit(m, &by, "device.policy_taken", user, d.id, "version=%08x applied=%s",
	          d.policy_version, in_part ? "in part" : "all");
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
	for (size_t i = 0; i < policy.exempt_types.n; i++) {
		if (mdm_rules_match(span_str(policy.exempt_types.items[i]), d->type))
			return true;
	}
	return key != 0 && key == d->policy_key && d->policy_version == policy.version;
}
