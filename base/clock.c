/* SPDX-License-Identifier: ISC
 *
 * clock.c - the system's clocks, or a hand-moved one for tests; dates as text.
 */
#include "base/clock.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define MS_OF_DAY INT64_C(86400000)

static atomic_bool fake_on;
static _Atomic int64_t fake_wall_ms;
static _Atomic uint64_t fake_mono_ms;

static struct timespec
now(clockid_t id)
{
	struct timespec ts = { 0 };
	int failed = clock_gettime(id, &ts);

	assert(!failed);
	return ts;
}

uint64_t
clock_mono_us(void)
{
	struct timespec ts;

	if (atomic_load(&fake_on))
		return atomic_load(&fake_mono_ms) * 1000;
	ts = now(CLOCK_MONOTONIC);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

uint64_t
clock_kernel_ms(void)
{
	struct timespec ts = now(CLOCK_MONOTONIC);

	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int64_t
clock_wall_ms(void)
{
	struct timespec ts;

	if (atomic_load(&fake_on))
		return atomic_load(&fake_wall_ms);
	ts = now(CLOCK_REALTIME);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
clock_fake_start(int64_t wall_ms)
{
	/* The monotonic clock stands where it is, so that it does not go back. */
	if (!atomic_load(&fake_on))
		atomic_store(&fake_mono_ms, clock_mono_ms());
	atomic_store(&fake_wall_ms, wall_ms);
	atomic_store(&fake_on, true);
}

void
clock_fake_advance(uint64_t ms)
{
	assert(atomic_load(&fake_on));
	atomic_fetch_add(&fake_mono_ms, ms);
	atomic_fetch_add(&fake_wall_ms, (int64_t)ms);
}

void
clock_fake_stop(void)
{
	atomic_store(&fake_on, false);
}

bool
clock_is_fake(void)
{
	return atomic_load(&fake_on);
}

/* Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years begin in March. */
int64_t
clock_days_from_civil(int year, unsigned month, unsigned day)
{
	int64_t y = (int64_t)year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year =
		(153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

void
clock_civil_from_days(int64_t days, int *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*ret_day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
	*ret_month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	*ret_year = (int)(yoe + era * 400 + (*ret_month <= 2));
}

struct moment {
	int year;
	unsigned month, day, weekday; /* weekday 0 is Sunday */
	unsigned hour, minute, second, ms;
};

static struct moment
moment_of(int64_t wall_ms)
{
	int64_t days = wall_ms / MS_OF_DAY;
	int64_t ms = wall_ms % MS_OF_DAY;
	struct moment m;

	if (ms < 0) {
		ms += MS_OF_DAY;
		days--;
	}
	clock_civil_from_days(days, &m.year, &m.month, &m.day);
	/* 1970-01-01 was a Thursday. */
	m.weekday = (unsigned)(((days + 4) % 7 + 7) % 7);
	m.hour = (unsigned)(ms / 3600000);
	m.minute = (unsigned)(ms / 60000 % 60);
	m.second = (unsigned)(ms / 1000 % 60);
	m.ms = (unsigned)(ms % 1000);
	return m;
}

const char *
clock_iso8601(int64_t wall_ms, char *ret, size_t size)
{
	struct moment m = moment_of(wall_ms);
	int n = snprintf(ret, size, "%04d-%02u-%02uT%02u:%02u:%02u.%03uZ", m.year,
	                 m.month, m.day, m.hour, m.minute, m.second, m.ms);

	assert(n > 0 && (size_t)n < size);
	return ret;
}

static const char *
write_date(int64_t wall_ms, const char *zone, char *ret, size_t size)
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct moment m = moment_of(wall_ms);
	int n = snprintf(ret, size, "%s, %02u %s %04d %02u:%02u:%02u %s", days[m.weekday],
	                 m.day, months[m.month - 1], m.year, m.hour, m.minute, m.second,
	                 zone);

	assert(n > 0 && (size_t)n < size);
	return ret;
}

const char *
clock_rfc5322(int64_t wall_ms, char *ret, size_t size)
{
	return write_date(wall_ms, "+0000", ret, size);
}

const char *
clock_http(int64_t wall_ms, char *ret, size_t size)
{
	return write_date(wall_ms, "GMT", ret, size);
}
