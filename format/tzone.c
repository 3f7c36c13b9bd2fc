/* SPDX-License-Identifier: ISC
 *
 * tzone.c - the zones of the system by name: IANA's, Windows' (by ICU), and by rules.
 */
#include "format/tzone.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unicode/putil.h>
#include <unicode/ucal.h>
#include <unicode/uenum.h>
#include <unicode/ustring.h>

#include "base/clock.h"
#include "base/mem.h"
#include "format/tzone_private.h"

#define FOLDER "/usr/share/zoneinfo/"
#define ID_MAX 64
#define NAMES_MAX 2000
#define LATE_MAX 200

/* One name of a zone; aliases have a zone of their own. */
struct entry {
	const char *id;
	const struct tzone *zone; /* NULL: not read yet */
	bool is_bad;              /* there is no such file */
};

/* Lives as long as the process; lock guards all of it but the names, made once. */
static struct {
	pthread_once_t once;
	pthread_mutex_t lock;
	struct arena *arena;
	struct entry *entries; /* by id, case ignored */
	size_t n;
	struct entry late[LATE_MAX]; /* newer than ICU's list */
	size_t n_late;
	struct tzone *utc;
} zones = { .once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER };

/*
 * Many zones have the same rules; these stand for them when only the rules are known
 * (the first that fits), before Windows' other zones.
 */
static const char *const usual[] = {
	"Europe/Berlin",
	"America/New_York",
	"America/Los_Angeles",
	"America/Chicago",
	"America/Denver",
	"Europe/London",
	"Europe/Helsinki",
	"Asia/Shanghai",
	"Asia/Tokyo",
	"Asia/Kolkata",
	"Australia/Sydney",
	"America/Sao_Paulo",
	"Europe/Moscow",
	"Europe/Istanbul",
	"Africa/Johannesburg",
	"Asia/Jakarta",
	"Asia/Dubai",
	"Asia/Karachi",
	"Asia/Dhaka",
	"Asia/Riyadh",
	"America/Phoenix",
	"America/Anchorage",
	"Pacific/Honolulu",
	"America/Halifax",
	"America/Bogota",
	"America/Caracas",
	"America/Mexico_City",
	"Australia/Brisbane",
	"Australia/Adelaide",
	"Australia/Darwin",
	"Africa/Lagos",
	"Asia/Tehran",
	"Asia/Jerusalem",
	"Pacific/Auckland",
	"Asia/Kathmandu",
	"Asia/Yangon",
	"America/St_Johns",
	"Atlantic/Azores",
	"Asia/Tashkent",
	"Asia/Kabul",
	"UTC",
};

/* Display names of Windows that name no city. */
static const struct {
	const char *name;
	const char *id;
} displayed[] = {
	{ "Eastern Time (US & Canada)", "America/New_York" },
	{ "Central Time (US & Canada)", "America/Chicago" },
	{ "Mountain Time (US & Canada)", "America/Denver" },
	{ "Pacific Time (US & Canada)", "America/Los_Angeles" },
	{ "Atlantic Time (Canada)", "America/Halifax" },
	{ "Newfoundland", "America/St_Johns" },
	{ "Alaska", "America/Anchorage" },
	{ "Hawaii", "Pacific/Honolulu" },
	{ "Arizona", "America/Phoenix" },
	{ "Greenwich Mean Time", "Europe/London" },
	{ "Greenwich Mean Time : Dublin", "Europe/London" },
	{ "Coordinated Universal Time", "UTC" },
};

static int
compare_entries(const void *a, const void *b)
{
	return strcasecmp(((const struct entry *)a)->id, ((const struct entry *)b)->id);
}

static void
make_names(void)
{
	UErrorCode status = U_ZERO_ERROR;

	zones.arena = arena_new();
	zones.entries = arena_array(zones.arena, NAMES_MAX, struct entry);
	zones.utc = arena_new_of(zones.arena, struct tzone);
	*zones.utc = (struct tzone){ .id = "UTC",
		                     .windows_id = "UTC",
		                     .has_rules = true,
		                     .standard = { 0, false, "UTC" } };
	UEnumeration *list =
		ucal_openTimeZoneIDEnumeration(UCAL_ZONE_TYPE_ANY, NULL, NULL, &status);
	const char *id;
	while (U_SUCCESS(status) && zones.n < NAMES_MAX &&
	       (id = uenum_next(list, NULL, &status)))
		zones.entries[zones.n++].id = arena_strdup(zones.arena, id);
	uenum_close(list);
	qsort(zones.entries, zones.n, sizeof(*zones.entries), compare_entries);
}

static bool
is_safe_id(const char *id)
{
	size_t n = strlen(id);

	if (n == 0 || n > ID_MAX || id[0] == '/' || strstr(id, ".."))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!(id[i] >= 'a' && id[i] <= 'z') && !(id[i] >= 'A' && id[i] <= 'Z') &&
		    !(id[i] >= '0' && id[i] <= '9') && !strchr("_+-/", id[i]))
			return false;
	}
	return true;
}

/* CLDR's name of it, in the arena. With the lock held. */
static const char *
windows_id_of(const char *id)
{
	UChar wide[ID_MAX + 1], name[ID_MAX + 1];
	char narrow[ID_MAX + 1];
	UErrorCode status = U_ZERO_ERROR;
	size_t n = strlen(id);

	u_charsToUChars(id, wide, (int32_t)n);
	int32_t len = ucal_getWindowsTimeZoneID(wide, (int32_t)n, name, ID_MAX, &status);
	if (U_FAILURE(status) || len <= 0)
		return NULL;
	u_UCharsToChars(name, narrow, len);
	return arena_strndup(zones.arena, span_of(narrow, (size_t)len));
}

/* With the lock held. */
static struct tzone *
load(const char *id)
{
	char path[sizeof(FOLDER) + ID_MAX];
	struct tzone *z;

	if (!is_safe_id(id))
		return NULL;
	snprintf(path, sizeof(path), FOLDER "%s", id);
	if (tzone_load(path, id, zones.arena, &z) != RC_OK)
		return NULL;
	z->windows_id = windows_id_of(id);
	return z;
}

/* With the lock held. */
static const struct tzone *
read_zone(struct entry *e)
{
	if (!e->zone && !e->is_bad) {
		e->zone = load(e->id);
		e->is_bad = !e->zone;
	}
	return e->zone;
}

/* A zone that tzdata has and ICU does not know yet. With the lock held. */
static const struct tzone *
find_late(const char *id)
{
	for (size_t i = 0; i < zones.n_late; i++) {
		if (strcmp(zones.late[i].id, id) == 0)
			return zones.late[i].zone;
	}
	/* What has no slash there is no zone that ICU would not know. */
	if (zones.n_late == LATE_MAX || !strchr(id, '/') || strncmp(id, "right/", 6) == 0)
		return NULL;
	struct tzone *z = load(id);
	if (z)
		zones.late[zones.n_late++] = (struct entry){ .id = z->id, .zone = z };
	return z;
}

const struct tzone *
tzone_utc(void)
{
	pthread_once(&zones.once, make_names);
	return zones.utc;
}

static bool
is_utc_name(const char *id)
{
	static const char *const names[] = { "UTC",     "Z",   "GMT",  "Etc/UTC",
		                             "Etc/GMT", "UCT", "Zulu", "Etc/Zulu",
		                             "Etc/UCT", NULL };

	for (const char *const *n = names; *n; n++) {
		if (strcasecmp(id, *n) == 0)
			return true;
	}
	return false;
}

const struct tzone *
tzone_find(const char *id)
{
	struct entry key = { .id = id };

	pthread_once(&zones.once, make_names);
	if (is_utc_name(id))
		return zones.utc;
	pthread_mutex_lock(&zones.lock);
	struct entry *e = bsearch(&key, zones.entries, zones.n, sizeof(*zones.entries),
	                          compare_entries);
	const struct tzone *z = e ? read_zone(e) : find_late(id);
	pthread_mutex_unlock(&zones.lock);
	return z;
}

const char *
tzone_id(const struct tzone *z)
{
	return z->id;
}

/* ICU */

static const struct tzone *
find_windows(const char *name)
{
	UChar wide[ID_MAX + 1], id[ID_MAX + 1];
	char narrow[ID_MAX + 1];
	UErrorCode status = U_ZERO_ERROR;
	size_t n = strlen(name);

	if (n == 0 || n > ID_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if ((uint8_t)name[i] >= 0x80)
			return NULL;
		wide[i] = (UChar)name[i];
	}
	int32_t len = ucal_getTimeZoneIDForWindowsID(wide, (int32_t)n, NULL, id, ID_MAX,
	                                             &status);
	if (U_FAILURE(status) || len <= 0)
		return NULL;
	u_UCharsToChars(id, narrow, len);
	narrow[len] = '\0';
	return tzone_find(narrow);
}

const char *
tzone_windows_id(const struct tzone *z)
{
	return z->windows_id;
}

/* Names with something around them */

/* "Amsterdam" or "St. Petersburg" as the last part of an IANA name. */
static const struct tzone *
find_city(struct span city)
{
	char want[ID_MAX];
	size_t n = 0;

	if (city.n == 0 || city.n >= sizeof(want))
		return NULL;
	for (size_t i = 0; i < city.n; i++) {
		if (city.p[i] != '.')
			want[n++] = city.p[i] == ' ' ? '_' : city.p[i];
	}
	want[n] = '\0';
	pthread_once(&zones.once, make_names);
	for (size_t i = 0; i < zones.n; i++) {
		const char *slash = strrchr(zones.entries[i].id, '/');
		if (slash && strcasecmp(slash + 1, want) == 0)
			return tzone_find(zones.entries[i].id);
	}
	return NULL;
}

/* "(UTC+01:00) Amsterdam, Berlin, Bern" */
static const struct tzone *
find_displayed(struct span name)
{
	struct span rest = span_sub(name, span_find(name, 0, ')') + 1, name.n), city;

	if (!span_starts(name, "(GMT") && !span_starts(name, "(UTC"))
		return NULL;
	rest = span_trim(rest);
	for (size_t i = 0; i < ARRAY_LEN(displayed); i++) {
		if (span_istarts(rest, displayed[i].name))
			return tzone_find(displayed[i].id);
	}
	while (span_cut(&rest, ',', &city)) {
		const struct tzone *z = find_city(span_trim(city));
		if (z)
			return z;
	}
	return NULL;
}

const struct tzone *
tzone_resolve(const char *tzid)
{
	const struct tzone *z = tzone_find(tzid);

	if (!z)
		z = find_windows(tzid);
	if (!z && tzid[0] == '(')
		z = find_displayed(span_str(tzid));
	/* "/mozilla.org/20070129_1/Europe/Berlin": what remains behind a slash. */
	for (const char *p = strchr(tzid, '/'); !z && p; p = strchr(p + 1, '/'))
		z = strchr(p + 1, '/') || is_utc_name(p + 1) ? tzone_find(p + 1) : NULL;
	return z;
}

const struct tzone *
tzone_match(const struct tzone *z, const struct tzone *hint)
{
	int year = tzone_year_of(clock_wall_ms() / 1000);

	if (hint && tzone_same_year(z, hint, year))
		return hint;
	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		const struct tzone *t = tzone_find(usual[i]);
		if (t && tzone_same_year(z, t, year))
			return t;
	}
	pthread_once(&zones.once, make_names);
	for (size_t i = 0; i < zones.n; i++) {
		/* "Etc/GMT+3" and "EST5EDT" are no places. */
		const char *id = zones.entries[i].id;
		const struct tzone *t = strchr(id, '/') && strncmp(id, "Etc/", 4) != 0 &&
		                                        strncmp(id, "SystemV/", 8) != 0
		                                ? tzone_find(id)
		                                : NULL;
		if (t && tzone_same_year(z, t, year))
			return t;
	}
	return NULL;
}
