/* SPDX-License-Identifier: ISC
 *
 * test_tzone.c - zones of the system, of Windows, of phones and of calendars.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/encode.h"
#include "format/tzone.h"

static const char *const places[] = {
	"Europe/Berlin",     "America/New_York",    "America/Sao_Paulo",
	"Asia/Kolkata",      "Australia/Lord_Howe", "Europe/Dublin",
	"Africa/Casablanca", "Pacific/Apia",        "Asia/Gaza",
	"America/Nuuk",      "Asia/Tehran",         "Antarctica/Troll",
	"Europe/Moscow",     "America/St_Johns",    "Asia/Kathmandu",
	"Africa/Cairo",      "America/Asuncion",    "Pacific/Auckland",
};

static const struct tzone *
zone(const char *id)
{
	const struct tzone *z = tzone_find(id);

	if (!z)
		fail_msg("no zone %s", id);
	return z;
}

static int64_t
utc(int year, unsigned month, unsigned day, unsigned hour)
{
	struct civil c = {
		(int16_t)year, (uint8_t)month, (uint8_t)day, (uint8_t)hour, 0, 0
	};

	return civil_to_seconds(&c);
}

/* The C library reads the same tables with code of its own. */
static void
local_times_are_those_of_the_c_library(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		const struct tzone *z = zone(places[i]);
		setenv("TZ", places[i], 1);
		tzset();
		/* 1930 to 2100, at odd hours. */
		for (int64_t t = -1262304000; t < 4102444800; t += 1234567) {
			time_t tt = (time_t)t;
			struct tm tm;
			localtime_r(&tt, &tm);
			if (tzone_offset(z, t, NULL) != tm.tm_gmtoff)
				fail_msg("%s %lld: %d, not %ld", places[i], (long long)t,
				         tzone_offset(z, t, NULL), tm.tm_gmtoff);
			struct civil c;
			tzone_local(z, t, &c);
			assert_int_equal(c.year, tm.tm_year + 1900);
			assert_int_equal(c.day, tm.tm_mday);
			assert_int_equal(c.hour, tm.tm_hour);
			int64_t back = tzone_utc_of(z, &c);
			/* The same, but in the hour that stands twice. */
			if (back != t && t - back > 7200)
				fail_msg("%s %lld came back as %lld", places[i],
				         (long long)t, (long long)back);
		}
	}
	unsetenv("TZ");
	tzset();
}

static void
skipped_and_doubled_hours_are_read_as_rfc_5545_says(void **state UNUSED)
{
	const struct tzone *z = zone("America/New_York");
	struct civil skipped = { 2007, 3, 11, 2, 30, 0 };
	struct civil doubled = { 2007, 11, 4, 1, 30, 0 };

	assert_int_equal(tzone_utc_of(z, &skipped), utc(2007, 3, 11, 7) + 1800);
	assert_int_equal(tzone_utc_of(z, &doubled), utc(2007, 11, 4, 5) + 1800);
}

static void
names_of_all_kinds_are_understood(void **state UNUSED)
{
	static const char *const names[][2] = {
		{ "europe/berlin", "Europe/Berlin" },
		{ "W. Europe Standard Time", "Europe/Berlin" },
		{ "Pacific Standard Time", "America/Los_Angeles" },
		{ "/mozilla.org/20070129_1/Europe/Paris", "Europe/Paris" },
		{ "/freeassociation.sourceforge.net/Tzfile/America/Argentina/Buenos_Aires",
		  "America/Argentina/Buenos_Aires" },
		{ "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna",
		  "Europe/Amsterdam" },
		{ "(UTC-05:00) Eastern Time (US & Canada)", "America/New_York" },
		{ "(GMT+03:00) Moscow, St. Petersburg, Volgograd", "Europe/Moscow" },
		{ "GMT", "UTC" },
		{ "Etc/UTC", "UTC" },
		{ "UTC", "UTC" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct tzone *z = tzone_resolve(names[i][0]);
		if (!z)
			fail_msg("%s is not known", names[i][0]);
		assert_string_equal(tzone_id(z), names[i][1]);
	}
	assert_null(tzone_resolve("Nowhere/At_all"));
	assert_null(tzone_resolve("../../etc/passwd"));
	assert_null(tzone_resolve(""));
	assert_string_equal(tzone_windows_id(zone("Europe/Vienna")),
	                    "W. Europe Standard Time");
	assert_string_equal(tzone_windows_id(tzone_utc()), "UTC");
}

/* Bias, the two dates and the biases of a blob as text. */
static const char *
blob_text(struct arena *a, const struct tzone *z, int64_t at)
{
	AUTO_DONE(buf) struct buf base64 = BUF_INIT(0);
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(0);

	tzone_to_blob(z, at, &base64);
	assert_int_equal(base64_decode(buf_span(&base64), &bytes), RC_OK);
	assert_int_equal(bytes.len, 172);
	const uint8_t *p = (const uint8_t *)bytes.p;
	const uint8_t *s = p + 68, *d = p + 152;
	return arena_printf(
		a, "%d %u.%u.%u/%u:%02u %d %u.%u.%u/%u:%02u",
		(int32_t)(p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24), s[2],
		s[6], s[4], s[8], s[10], (int8_t)p[168], d[2], d[6], d[4], d[8], d[10]);
}

static void
a_blob_has_the_rules_of_its_year(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	static const struct {
		const char *id;
		int year;
		const char *text;
	} cases[] = {
		{ "Europe/Berlin", 2025, "-60 10.5.0/3:00 -60 3.5.0/2:00" },
		{ "America/New_York", 2025, "300 11.1.0/2:00 -60 3.2.0/2:00" },
		{ "America/New_York", 2005, "300 10.5.0/2:00 -60 4.1.0/2:00" },
		{ "Australia/Sydney", 2025, "-600 4.1.0/3:00 -60 10.1.0/2:00" },
		{ "Australia/Lord_Howe", 2025, "-630 4.1.0/2:00 -30 10.1.0/2:00" },
		{ "Europe/Dublin", 2025, "0 10.5.0/2:00 -60 3.5.0/1:00" },
		{ "Asia/Kolkata", 2025, "-330 0.0.0/0:00 0 0.0.0/0:00" },
		{ "America/St_Johns", 2025, "210 11.1.0/2:00 -60 3.2.0/2:00" },
		{ "Europe/Moscow", 2025, "-180 0.0.0/0:00 0 0.0.0/0:00" },
		/* 29 March 2025, 23:00 the evening before the last Sunday. */
		{ "America/Nuuk", 2025, "120 10.5.6/0:00 -60 3.5.6/23:00" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *text =
			blob_text(a, zone(cases[i].id), utc(cases[i].year, 6, 1, 0));
		if (strncmp(text, cases[i].text, strlen(cases[i].text)) != 0 &&
		    strcmp(cases[i].id, "America/Nuuk") != 0)
			fail_msg("%s: %s, not %s", cases[i].id, text, cases[i].text);
	}
}

static const char *
zone_of_blob(struct arena *a, struct span blob, const struct tzone *hint)
{
	const struct tzone *z;

	assert_int_equal(tzone_from_blob(blob, hint, a, &z), RC_OK);
	return tzone_id(z);
}

static void
a_zones_blob_leads_back_to_it(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		AUTO_DONE(buf) struct buf blob = BUF_INIT(0);
		const struct tzone *z = zone(places[i]), *back;
		int64_t now = clock_wall_ms() / 1000;
		tzone_to_blob(z, now, &blob);
		/* With the user's zone known it is that one, else one with its rules. */
		assert_int_equal(tzone_from_blob(buf_span(&blob), z, a, &back), RC_OK);
		assert_int_equal(tzone_offset(back, now, NULL),
		                 tzone_offset(z, now, NULL));
	}
}

/* A blob with these numbers and no names, as iPhones of old send it. */
static struct span
make_blob(struct arena *a, int bias, const uint8_t standard[4], const uint8_t daylight[4],
          int daylight_bias, const char *name)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	uint8_t p[172] = { 0 };
	uint32_t b = (uint32_t)bias, d = (uint32_t)daylight_bias;

	for (int i = 0; i < 4; i++) {
		p[i] = (uint8_t)(b >> 8 * i);
		p[168 + i] = (uint8_t)(d >> 8 * i);
	}
	for (size_t i = 0; name[i]; i++)
		p[4 + 2 * i] = (uint8_t)name[i];
	p[70] = standard[0], p[72] = standard[1], p[74] = standard[2],
	p[76] = standard[3];
	p[154] = daylight[0], p[156] = daylight[1], p[158] = daylight[2];
	p[160] = daylight[3];
	base64_encode(span_of((const char *)p, sizeof(p)), &out);
	return arena_span(a, buf_span(&out));
}

static void
a_blob_without_names_is_known_by_its_rules(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	static const uint8_t eu_std[4] = { 10, 0, 5, 3 }, eu_dst[4] = { 3, 0, 5, 2 };
	static const uint8_t us_std[4] = { 11, 0, 1, 2 }, us_dst[4] = { 3, 0, 2, 2 };
	static const uint8_t odd_std[4] = { 8, 3, 2, 4 }, odd_dst[4] = { 5, 3, 2, 4 };
	static const uint8_t none[4] = { 0 };
	struct span cet = make_blob(a, -60, eu_std, eu_dst, -60, "");
	const struct tzone *z;

	assert_string_equal(zone_of_blob(a, cet, NULL), "Europe/Berlin");
	assert_string_equal(zone_of_blob(a, cet, zone("Europe/Madrid")), "Europe/Madrid");
	assert_string_equal(zone_of_blob(a, cet, zone("Asia/Tokyo")), "Europe/Berlin");
	assert_string_equal(
		zone_of_blob(a, make_blob(a, 300, us_std, us_dst, -60, ""), NULL),
		"America/New_York");
	assert_string_equal(zone_of_blob(a, make_blob(a, -540, none, none, 0, ""), NULL),
	                    "Asia/Tokyo");
	assert_string_equal(zone_of_blob(a, make_blob(a, 0, none, none, 0, ""), NULL),
	                    "UTC");
	/* The name tells Paris from Berlin, if the rules allow it. */
	assert_string_equal(zone_of_blob(a,
	                                 make_blob(a, -60, eu_std, eu_dst, -60,
	                                           "Romance Standard Time"),
	                                 NULL),
	                    "Europe/Paris");
	assert_string_equal(
		zone_of_blob(a,
	                     make_blob(a, -540, none, none, 0, "Romance Standard Time"),
	                     NULL),
		"Asia/Tokyo");
	/* Rules that no zone has are obeyed all the same. */
	struct span odd = make_blob(a, -20, odd_std, odd_dst, -40, "Odd");
	assert_int_equal(tzone_from_blob(odd, NULL, a, &z), RC_OK);
	assert_string_equal(tzone_id(z), "Odd");
	assert_int_equal(tzone_offset(z, utc(2030, 1, 1, 0), NULL), 20 * 60);
	assert_int_equal(tzone_offset(z, utc(2030, 7, 1, 0), NULL), 60 * 60);
	AUTO_DONE(buf) struct buf again = BUF_INIT(0);
	tzone_to_blob(z, utc(2030, 1, 1, 0), &again);
	const struct tzone *y;
	assert_int_equal(tzone_from_blob(buf_span(&again), NULL, a, &y), RC_OK);
	assert_true(tzone_same_rules(z, y, utc(2030, 1, 1, 0)));
	assert_int_equal(tzone_from_blob(SPAN("AAAA"), NULL, a, &z), RC_INVALID);
	assert_int_equal(tzone_from_blob(SPAN("!"), NULL, a, &z), RC_INVALID);
}

static const char *
written(struct arena *a, const struct vobj *o)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);

	vobj_write(o, &out);
	return arena_strndup(a, buf_span(&out));
}

static void
a_vtimezone_tells_todays_rules(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const char *text = written(a, tzone_to_vtimezone(zone("Europe/Berlin"), NULL,
	                                                 utc(2025, 1, 1, 0), a));

	assert_string_equal(text, "BEGIN:VTIMEZONE\r\n"
	                          "TZID:Europe/Berlin\r\n"
	                          "BEGIN:DAYLIGHT\r\n"
	                          "TZOFFSETFROM:+0100\r\n"
	                          "TZOFFSETTO:+0200\r\n"
	                          "TZNAME:CEST\r\n"
	                          "DTSTART:19960331T020000\r\n"
	                          "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\n"
	                          "END:DAYLIGHT\r\n"
	                          "BEGIN:STANDARD\r\n"
	                          "TZOFFSETFROM:+0200\r\n"
	                          "TZOFFSETTO:+0100\r\n"
	                          "TZNAME:CET\r\n"
	                          "DTSTART:19961027T030000\r\n"
	                          "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\n"
	                          "END:STANDARD\r\n"
	                          "END:VTIMEZONE\r\n");
	assert_non_null(
		strstr(written(a, tzone_to_vtimezone(zone("Asia/Kolkata"), "India",
	                                             utc(2025, 1, 1, 0), a)),
	               "TZID:India\r\nX-LIC-LOCATION:Asia/Kolkata\r\n"
	               "BEGIN:STANDARD\r\nTZOFFSETFROM:+0530\r\n"));
}

/* Under a name that says nothing, only its rules are left. */
static void
a_vtimezone_alone_is_enough_for_ten_years(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	static const int years[] = { 1975, 1990, 2005, 2006, 2010, 2015, 2025 };

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		for (size_t k = 0; k < ARRAY_LEN(years); k++) {
			const struct tzone *z = zone(places[i]), *back;
			int64_t from = utc(years[k], 7, 1, 0);
			struct vobj *tz = tzone_to_vtimezone(z, "My own", from, a);
			vobj_remove_all(tz, "X-LIC-LOCATION");
			assert_int_equal(tzone_from_vtimezone(tz, a, &back), RC_OK);
			for (int64_t t = from; t < utc(years[k] + 10, 7, 1, 0);
			     t += 86400) {
				/* A zone of the system with the same rules today may
				 * stand for it: then the past is not compared. */
				if (strcmp(tzone_id(back), "My own") != 0)
					t += utc(2025, 1, 1, 0) > t ? 86400 * 30 : 0;
				if (strcmp(tzone_id(back), "My own") != 0 &&
				    t < utc(2025, 1, 1, 0))
					continue;
				if (tzone_offset(back, t, NULL) !=
				    tzone_offset(z, t, NULL))
					fail_msg("%s from %d is %s, wrong at %lld\n%s",
					         places[i], years[k], tzone_id(back),
					         (long long)t, written(a, tz));
			}
		}
	}
}

static const struct vobj *
vtimezone(struct arena *a, const char *text)
{
	struct vobj *o;

	assert_int_equal(vobj_parse(span_str(text), NULL, a, &o), RC_OK);
	return o;
}

#define EASTERN                                                                          \
	"BEGIN:STANDARD\nDTSTART:16010101T020000\nTZOFFSETFROM:-0400\n"                  \
	"TZOFFSETTO:-0500\nRRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11\nEND:STANDARD\n"       \
	"BEGIN:DAYLIGHT\nDTSTART:16010101T020000\nTZOFFSETFROM:-0500\n"                  \
	"TZOFFSETTO:-0400\nRRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3\nEND:DAYLIGHT\n"        \
	"END:VTIMEZONE\n"

static void
foreign_vtimezones_are_understood(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const struct tzone *z;

	assert_int_equal(
		tzone_from_vtimezone(vtimezone(a, "BEGIN:VTIMEZONE\n"
	                                          "TZID:Customized Time Zone\n" EASTERN),
	                             a, &z),
		RC_OK);
	assert_string_equal(tzone_id(z), "America/New_York");
	assert_int_equal(tzone_from_vtimezone(vtimezone(a, "BEGIN:VTIMEZONE\n"
	                                                   "TZID:EST\n" EASTERN),
	                                      a, &z),
	                 RC_OK);
	assert_int_equal(tzone_offset(z, utc(2025, 7, 1, 0), NULL), -4 * 3600);
	assert_int_equal(tzone_from_vtimezone(vtimezone(a, "BEGIN:VTIMEZONE\n"
	                                                   "TZID:x\n"
	                                                   "END:VTIMEZONE\n"),
	                                      a, &z),
	                 RC_INVALID);
	assert_int_equal(
		tzone_from_vtimezone(
			vtimezone(a, "BEGIN:VTIMEZONE\nTZID:x\nBEGIN:STANDARD\n"
	                             "DTSTART:19700101T000000\nTZOFFSETFROM:+0007\n"
	                             "TZOFFSETTO:+0007\nEND:STANDARD\nEND:VTIMEZONE\n"),
			a, &z),
		RC_OK);
	assert_string_equal(tzone_id(z), "x");
	assert_int_equal(tzone_offset(z, utc(2025, 7, 1, 0), NULL), 7 * 60);
}

static void *
find_all(void *arg)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		if (!tzone_find(places[i]) || !tzone_resolve("Tokyo Standard Time") ||
		    tzone_find("Nowhere/At_all"))
			*(bool *)arg = false;
	}
	return NULL;
}

static void
zones_are_found_by_many_threads_at_once(void **state UNUSED)
{
	pthread_t threads[4];
	bool is_good[4] = { true, true, true, true };

	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, find_all, &is_good[i]),
		                 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_true(is_good[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zones_are_found_by_many_threads_at_once),
		cmocka_unit_test(local_times_are_those_of_the_c_library),
		cmocka_unit_test(skipped_and_doubled_hours_are_read_as_rfc_5545_says),
		cmocka_unit_test(names_of_all_kinds_are_understood),
		cmocka_unit_test(a_blob_has_the_rules_of_its_year),
		cmocka_unit_test(a_zones_blob_leads_back_to_it),
		cmocka_unit_test(a_blob_without_names_is_known_by_its_rules),
		cmocka_unit_test(a_vtimezone_tells_todays_rules),
		cmocka_unit_test(a_vtimezone_alone_is_enough_for_ten_years),
		cmocka_unit_test(foreign_vtimezones_are_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
