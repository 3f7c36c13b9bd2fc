/* SPDX-License-Identifier: ISC
 *
 * test_eas_beat.c - a device's heartbeat comes to what its network keeps, and stays there
 * without a word to the database.
 */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "activesync/eas_beat.h"
#include "activesync/eas_waits.h"
#include "base/encode.h"
#include "http/http_private.h"
#include "tests/unit/eas_fixture.h"

#define FLOOR_S 240
#define DAY_MS INT64_C(86400000)

/* -- signs -- */

static void
the_end_of_a_wait_is_read_from_how_the_device_comes_next(void **state UNUSED)
{
	static const struct {
		const char *what;
		enum eas_beat_end end;
		uint32_t asked_s, lasted_s;
		bool same_connection, same_network;
		uint64_t pause_s;
		enum eas_beat_sign want;
	} table[] = {
		{ "at once", EAS_BEAT_ANSWERED, 900, 900, true, true, 1, EAS_BEAT_KEPT },
		{ "at once, anew", EAS_BEAT_ANSWERED, 900, 900, false, true, 3,
		  EAS_BEAT_KEPT },
		{ "asleep, but on the line", EAS_BEAT_ANSWERED, 900, 900, true, true, 700,
		  EAS_BEAT_KEPT },
		{ "when its own clock ran out", EAS_BEAT_ANSWERED, 900, 900, false, true,
		  60, EAS_BEAT_CUT },
		{ "a little late, anew", EAS_BEAT_ANSWERED, 900, 900, false, true, 6,
		  EAS_BEAT_MAYBE_CUT },
		{ "a little late after a mail", EAS_BEAT_ANSWERED, 900, 400, false, true,
		  12, EAS_BEAT_KEPT },
		{ "in a tunnel when a mail came", EAS_BEAT_ANSWERED, 900, 400, false,
		  true, 90, EAS_BEAT_MAYBE_CUT },
		{ "a mail's answer was lost", EAS_BEAT_ANSWERED, 900, 400, false, true,
		  560, EAS_BEAT_CUT },
		{ "off meanwhile", EAS_BEAT_ANSWERED, 900, 900, false, true, 3600,
		  EAS_BEAT_NOTHING },
		{ "elsewhere", EAS_BEAT_ANSWERED, 900, 900, false, false, 60,
		  EAS_BEAT_NOTHING },
		{ "after no silence", EAS_BEAT_ANSWERED, 900, 5, false, true, 60,
		  EAS_BEAT_NOTHING },
		{ "probes failed", EAS_BEAT_SILENT, 1680, 720, false, true, 965,
		  EAS_BEAT_CUT },
		{ "probes failed, off the air", EAS_BEAT_SILENT, 1680, 720, false, true,
		  60, EAS_BEAT_NOTHING },
		{ "probes failed, off", EAS_BEAT_SILENT, 1680, 720, false, true, 7200,
		  EAS_BEAT_NOTHING },
		{ "probes failed, elsewhere", EAS_BEAT_SILENT, 1680, 720, false, false,
		  965, EAS_BEAT_NOTHING },
		{ "reset on the way", EAS_BEAT_RESET, 900, 600, false, true, 5,
		  EAS_BEAT_MAYBE_CUT },
		{ "switched networks", EAS_BEAT_RESET, 900, 600, false, false, 5,
		  EAS_BEAT_NOTHING },
		{ "reset, later", EAS_BEAT_RESET, 900, 600, false, true, 600,
		  EAS_BEAT_NOTHING },
		{ "reset soon", EAS_BEAT_RESET, 900, 10, false, true, 1,
		  EAS_BEAT_NOTHING },
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct eas_beat_note n = {
			.connection = 7,
			.network = eas_beat_network("192.0.2.7"),
			.end = table[i].end,
			.asked_s = table[i].asked_s,
			.lasted_s = table[i].lasted_s,
			.ended_ms = 1000000,
		};
		enum eas_beat_sign sign = eas_beat_read(
			&n, table[i].same_connection ? 7 : 8,
			eas_beat_network(table[i].same_network ? "192.0.2.200"
		                                               : "198.51.100.7"),
			n.ended_ms + table[i].pause_s * 1000);
		if (sign != table[i].want)
			fail_msg("%s: %d", table[i].what, (int)sign);
	}
}

static void
a_network_is_the_front_of_an_address(void **state UNUSED)
{
	assert_true(eas_beat_network("10.1.2.3") == eas_beat_network("10.1.2.99"));
	assert_true(eas_beat_network("10.1.2.3") != eas_beat_network("10.1.3.3"));
	assert_true(eas_beat_network("2001:db8:1:2:3::4") ==
	            eas_beat_network("2001:db8:1:2:9:9:9:9"));
	assert_true(eas_beat_network("2001:db8:1:2::4") !=
	            eas_beat_network("2001:db8:1:3::4"));
	assert_true(eas_beat_network("unix") == eas_beat_network("unix"));
}

/* -- learning -- */

struct device {
	struct store_heartbeat h;
	uint32_t wish_s;
	bool obeys; /* takes a limit that it is told */
	int64_t wall_ms;
	unsigned cuts;
	unsigned saves;
};

/* One wait on a network that forgets connections after keeps_s; what was granted. */
static uint32_t
wait_once(struct device *d, uint32_t keeps_s)
{
	uint32_t limit = eas_beat_limit(&d->h, FLOOR_S, d->wall_ms);
	uint32_t granted = limit && limit < d->wish_s ? limit : d->wish_s;
	uint32_t asked = d->obeys ? granted : d->wish_s;
	bool cut = granted >= keeps_s;

	d->cuts += cut;
	d->saves += eas_beat_learn(&d->h, cut ? EAS_BEAT_CUT : EAS_BEAT_KEPT, granted,
	                           d->wall_ms + granted * INT64_C(1000));
	d->wall_ms += (cut ? asked + 30 : granted + 1) * INT64_C(1000);
	return granted;
}

static void
a_device_comes_to_what_its_network_keeps(void **state UNUSED)
{
	static const uint32_t keeps[] = { 250, 300, 420, 600, 900, 1100, 1500, 1700 };

	for (size_t i = 0; i < ARRAY_LEN(keeps); i++) {
		for (int obeys = 0; obeys < 2; obeys++) {
			struct device d = { .wish_s = 1680,
				            .obeys = obeys,
				            .wall_ms = EAS_NOW };
			uint32_t granted = 0;

			for (int n = 0; n < 25; n++)
				granted = wait_once(&d, keeps[i]);
			if (granted >= keeps[i] || granted < keeps[i] * 17 / 20 - 5)
				fail_msg("%u: %u", keeps[i], granted);
			if (d.cuts > 8)
				fail_msg("%u: %u cuts", keeps[i], d.cuts);
		}
	}
}

static void
a_device_whose_network_is_known_is_not_written_of(void **state UNUSED)
{
	struct device bad = { .wish_s = 1680, .wall_ms = EAS_NOW };
	struct device good = { .wish_s = 1680, .wall_ms = EAS_NOW };

	for (int n = 0; n < 25; n++) {
		(void)wait_once(&bad, 600);
		(void)wait_once(&good, 100000);
	}
	assert_int_equal(good.cuts, 0);
	assert_in_range(good.saves, 1, 2);
	bad.cuts = bad.saves = good.saves = 0;
	while (bad.wall_ms < bad.h.changed_ms + DAY_MS - 1000000) {
		(void)wait_once(&bad, 600);
		(void)wait_once(&good, 100000);
	}
	assert_int_equal(bad.cuts, 0);
	assert_int_equal(bad.saves, 0);
	assert_int_equal(good.saves, 0);
}

static void
a_better_network_is_found_within_a_day(void **state UNUSED)
{
	struct device d = { .wish_s = 1680, .wall_ms = EAS_NOW };
	int64_t moved_ms;

	for (int n = 0; n < 25; n++)
		(void)wait_once(&d, 400);
	moved_ms = d.wall_ms;
	while (wait_once(&d, 3600) < 1680)
		assert_true(d.wall_ms < moved_ms + DAY_MS);
	assert_int_equal(d.h.cut_s, 0);
}

static void
one_sign_against_what_was_kept_is_not_believed(void **state UNUSED)
{
	struct store_heartbeat h = { 0 };

	assert_true(eas_beat_learn(&h, EAS_BEAT_KEPT, 1200, EAS_NOW));
	(void)eas_beat_learn(&h, EAS_BEAT_CUT, 1000, EAS_NOW);
	assert_int_equal(eas_beat_limit(&h, FLOOR_S, EAS_NOW), 0);
	assert_true(eas_beat_learn(&h, EAS_BEAT_KEPT, 1000, EAS_NOW));
	(void)eas_beat_learn(&h, EAS_BEAT_CUT, 1000, EAS_NOW);
	assert_int_equal(eas_beat_limit(&h, FLOOR_S, EAS_NOW), 0);
	(void)eas_beat_learn(&h, EAS_BEAT_CUT, 1000, EAS_NOW);
	assert_in_range(eas_beat_limit(&h, FLOOR_S, EAS_NOW), FLOOR_S, 999);
	/* Doubtful ones count half. */
	h = (struct store_heartbeat){ 0 };
	(void)eas_beat_learn(&h, EAS_BEAT_MAYBE_CUT, 1000, EAS_NOW);
	assert_int_equal(h.cut_s, 0);
	(void)eas_beat_learn(&h, EAS_BEAT_MAYBE_CUT, 1000, EAS_NOW);
	assert_int_equal(h.cut_s, 1000);
}

static void
the_floor_holds(void **state UNUSED)
{
	struct device d = { .wish_s = 1680, .wall_ms = EAS_NOW };

	for (int n = 0; n < 40; n++)
		assert_true(wait_once(&d, 60) >= FLOOR_S);
}

/* -- in commands -- */

static void
know(struct eas_fixture *f, struct store_heartbeat h)
{
	struct store_tx *tx = NULL;

	assert_ok(store_write(f->store, f->user, NULL, &tx));
	assert_ok(store_device_set_heartbeat(tx, 1, &h));
	assert_ok(store_commit(&tx));
}

static struct store_heartbeat
known(struct eas_fixture *f)
{
	struct store_tx *tx = NULL;
	struct store_device d;

	assert_ok(store_read(f->store, f->user, &tx));
	assert_ok(store_device_load(tx, 1, f->a, &d));
	assert_ok(store_commit(&tx));
	return d.heartbeat;
}

static void
ping(struct eas_fixture *f, unsigned seconds)
{
	f->can_wait = true;
	eas_runf(f, "Ping",
	         "<Ping xmlns=\"Ping\"><HeartbeatInterval>%u</HeartbeatInterval>"
	         "<Folders><Folder><Id>%u</Id><Class>Email</Class></Folder></Folders>"
	         "</Ping>",
	         seconds, f->inbox);
}

static char *
first_sync(struct eas_fixture *f)
{
	f->eas->own.heartbeat_learn = true;
	f->eas->own.heartbeat_floor_ms = FLOOR_S * 1000;
	eas_sync(f, f->inbox, "0", EAS_OPTIONS_PLAIN);
	return eas_key(f);
}

static void
a_ping_beyond_the_limit_is_told_it_once_and_then_answered_at_it(void **state)
{
	struct eas_fixture *f = *state;

	(void)first_sync(f);
	know(f, (struct store_heartbeat){
			.kept_s = 600, .cut_s = 620, .changed_ms = EAS_NOW });
	ping(f, 1680);
	assert_string_equal(f->xml, "<Ping><Status>5</Status>"
	                            "<HeartbeatInterval>600</HeartbeatInterval></Ping>");
	ping(f, 1680); /* it does not listen */
	assert_true(f->waiting);
	assert_int_equal(f->wait_ms, 600000);
	eas_stop_waiting(f);
	ping(f, 600); /* it does */
	assert_int_equal(f->wait_ms, 600000);
	eas_stop_waiting(f);
	ping(f, 300); /* never longer than it wishes */
	assert_int_equal(f->wait_ms, 300000);
	eas_stop_waiting(f);
}

static void
a_sync_with_a_wait_is_steered_likewise(void **state)
{
	struct eas_fixture *f = *state;
	char *key = first_sync(f);
	const char *request =
		arena_printf(f->a,
	                     "<Sync xmlns=\"AirSync\"><Collections><Collection>"
	                     "<SyncKey>%s</SyncKey><CollectionId>%u</CollectionId>"
	                     "</Collection></Collections><Wait>28</Wait></Sync>",
	                     key, f->inbox);

	f->can_wait = true;
	know(f, (struct store_heartbeat){
			.kept_s = 630, .cut_s = 640, .changed_ms = EAS_NOW });
	eas_run(f, "Sync", request);
	assert_string_equal(f->xml, "<Sync><Status>14</Status><Limit>10</Limit></Sync>");
	eas_run(f, "Sync", request);
	assert_true(f->waiting);
	assert_int_equal(f->wait_ms, 630000);
	eas_stop_waiting(f);
}

static void
what_the_next_request_shows_is_learned_and_saved(void **state)
{
	struct eas_fixture *f = *state;
	struct eas_beat_note n = { .user = f->user,
		                   .device = 1,
		                   .connection = 77,
		                   .asked_s = 1680,
		                   .lasted_s = 1680 };

	(void)first_sync(f);
	n.network = eas_beat_network("192.0.2.1");
	n.ended_ms = clock_mono_ms();
	eas_beat_note(f->eas->beats, &n);
	clock_fake_advance(60000);
	ping(f, 1680);
	/* A clear sign of a silence that was never kept: sqrt(240 * 1680). */
	assert_int_equal(known(f).cut_s, 1680);
	assert_string_equal(f->xml, "<Ping><Status>5</Status>"
	                            "<HeartbeatInterval>634</HeartbeatInterval></Ping>");
	assert_int_equal(known(f).told_s, 634);
	/* The note was read once. */
	ping(f, 634);
	assert_true(f->waiting);
	eas_stop_waiting(f);
	n.ended_ms = clock_mono_ms();
	n.asked_s = n.lasted_s = 634;
	eas_beat_note(f->eas->beats, &n);
	clock_fake_advance(1000);
	ping(f, 634);
	assert_int_equal(known(f).kept_s, 634);
	eas_stop_waiting(f);
}

/* -- over HTTP: from the end of a wait to what the device's next words show -- */

struct rig {
	struct eas_fixture *f;
	struct jobs *jobs;
	struct eas *eas;
	struct http_server *http;
	int fd; /* the phone's end */
};

static void
turn(struct rig *r)
{
	loop_run_once(r->f->loop, false);
	/* Workers have a word, too. */
	if (poll(NULL, 0, 1) < 0)
		fail();
}

static void
connect_phone(struct rig *r)
{
	int fd[2];

	if (r->fd >= 0)
		close(r->fd);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	r->fd = fd[0];
	http_server_accept(r->http, r->f->loop, fd[1], NULL);
}

static void
rig_begin(struct rig *r, struct eas_fixture *f)
{
	struct http_conf hc = { .header_max = 16384,
		                .headers_max = 100,
		                .body_max = 1 << 20,
		                .idle_ms = 600000,
		                .request_ms = 60000,
		                .body_rate_min = 1,
		                .streams_max = 8 };
	struct eas_deps deps = f->eas->deps;
	struct eas_conf conf = f->conf;

	*r = (struct rig){ .f = f, .fd = -1 };
	conf.heartbeat_learn = true;
	conf.heartbeat_floor_ms = FLOOR_S * 1000;
	assert_ok(mdm_set_password(f->mdm, SPAN("alice@example.org"), SPAN("secret")));
	assert_ok(jobs_new(2, &r->jobs));
	deps.jobs = r->jobs;
	assert_ok(eas_new(&conf, &deps, &r->eas));
	assert_ok(http_server_new(&hc, &r->http));
	eas_route(r->eas, r->http);
	connect_phone(r);
}

static void
rig_end(struct rig *r)
{
	http_server_abort(r->http, r->f->loop);
	for (int i = 0; i < 20; i++)
		turn(r);
	close(r->fd);
	jobs_free(r->jobs);
	for (int i = 0; i < 20; i++)
		loop_run_once(r->f->loop, false);
	http_server_free(r->http);
	eas_free(r->eas);
}

/* A Ping for so long; true: it is held, false: it is answered at once. */
static bool
ask(struct rig *r, unsigned seconds)
{
	AUTO_DONE(buf) struct buf body = BUF_INIT(0);
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct err err = { "" };
	char got[4096];

	assert_ok(wbxml_from_xml(
		span_str(arena_printf(
			r->f->a,
			"<Ping xmlns=\"Ping\"><HeartbeatInterval>%u</HeartbeatInterval>"
			"<Folders><Folder><Id>%u</Id><Class>Email</Class></Folder>"
			"</Folders></Ping>",
			seconds, r->f->inbox)),
		&body, &err));
	buf_add_str(&out, "POST /Microsoft-Server-ActiveSync?Cmd=Ping&User=alice&"
	                  "DeviceId=PHONE1&DeviceType=iPhone HTTP/1.1\r\nHost: a\r\n"
	                  "Authorization: Basic ");
	base64_encode(SPAN("alice@example.org:secret"), &out);
	buf_addf(&out,
	         "\r\nMS-ASProtocolVersion: 16.1\r\nX-MS-PolicyKey: 0\r\n"
	         "Content-Type: application/vnd.ms-sync.wbxml\r\n"
	         "Content-Length: %zu\r\n\r\n",
	         body.len);
	buf_add_span(&out, buf_span(&body));
	assert_int_equal(write(r->fd, out.p, out.len), out.len);
	while (eas_waiting(r->eas) == 0) {
		if (recv(r->fd, got, sizeof(got), MSG_DONTWAIT) > 0)
			return false;
		turn(r);
	}
	return true;
}

/* The wait goes on to its end, which the phone reads if it gets it. */
static void
sit_out(struct rig *r, unsigned seconds, bool arrives)
{
	char got[4096];

	clock_fake_advance(seconds * UINT64_C(1000));
	while (eas_waiting(r->eas) > 0)
		turn(r);
	while (arrives && recv(r->fd, got, sizeof(got), MSG_DONTWAIT) <= 0)
		turn(r);
}

static void
what_a_phone_gets_and_what_it_does_not_is_learned_over_http(void **state)
{
	struct eas_fixture *f = *state;
	struct rig r;

	rig_begin(&r, f);
	assert_true(ask(&r, 1680));
	sit_out(&r, 1680, false);
	clock_fake_advance(20000); /* its own clock runs out */
	connect_phone(&r);
	assert_false(ask(&r, 1680));
	assert_int_equal(known(f).cut_s, 1680);
	assert_int_equal(known(f).told_s, 634);
	assert_true(ask(&r, 634));
	sit_out(&r, 634, true);
	assert_true(ask(&r, 634));
	assert_int_equal(known(f).kept_s, 634);
	clock_fake_advance(100000);
	shutdown(r.fd, SHUT_RDWR); /* it hangs up: no sign of anything */
	while (eas_waiting(r.eas) > 0)
		turn(&r);
	connect_phone(&r);
	assert_true(ask(&r, 634));
	assert_int_equal(known(f).misses, 0);
	rig_end(&r);
}

static void
notes_of_devices_that_do_not_come_are_not_kept_for_ever(void **state UNUSED)
{
	struct eas_beat_notes *t = eas_beat_notes_new();
	struct eas_beat_note n = { .asked_s = 600, .lasted_s = 600 }, got;

	for (uint64_t i = 1; i <= 1000; i++) {
		n.user = i;
		n.device = 1;
		n.ended_ms = i * 1000;
		eas_beat_note(t, &n);
	}
	assert_false(eas_beat_take(t, 1, 1, &got));
	assert_true(eas_beat_take(t, 999, 1, &got));
	assert_int_equal(got.ended_ms, 999000);
	assert_false(eas_beat_take(t, 999, 1, &got));
	eas_beat_notes_free(t);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_end_of_a_wait_is_read_from_how_the_device_comes_next),
		cmocka_unit_test(a_network_is_the_front_of_an_address),
		cmocka_unit_test(a_device_comes_to_what_its_network_keeps),
		cmocka_unit_test(a_device_whose_network_is_known_is_not_written_of),
		cmocka_unit_test(a_better_network_is_found_within_a_day),
		cmocka_unit_test(one_sign_against_what_was_kept_is_not_believed),
		cmocka_unit_test(the_floor_holds),
		cmocka_unit_test(notes_of_devices_that_do_not_come_are_not_kept_for_ever),
		TEST(a_ping_beyond_the_limit_is_told_it_once_and_then_answered_at_it),
		TEST(a_sync_with_a_wait_is_steered_likewise),
		TEST(what_the_next_request_shows_is_learned_and_saved),
		TEST(what_a_phone_gets_and_what_it_does_not_is_learned_over_http),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
