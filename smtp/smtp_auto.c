/* SPDX-License-Identifier: ISC
 *
 * smtp_auto.c - sends what the server says by itself: [RFC 3834] 3.3.
 */
#include "smtp/smtp_auto.h"

#include "base/clock.h"
#include "smtp/smtp_deliver.h"
#include "smtp/smtp_message.h"
#include "smtp/smtp_parse.h"
#include "smtp/smtp_private.h"

enum rc
smtp_auto_send(struct smtp *s, struct span from, struct span to, struct span message,
               char own_id[17])
{
	AUTO(smtp_envelope)
	struct smtp_envelope *env = smtp_envelope_new();
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);

	smtp_message_new_id(own_id);
	size_t skip = smtp_trace_return_path(SPAN(""), &text);
	struct smtp_trace trace = { .hostname = s->conf.hostname,
		                    .with = "internal",
		                    .tls = "",
		                    .id = span_str(own_id),
		                    .rcpt = to,
		                    .now_ms = clock_wall_ms() };
	smtp_trace_received(&trace, &text);
	buf_add_span(&text, message);
	smtp_envelope_add(env, to);
	env->smtputf8 = !smtp_is_ascii(to) || !smtp_is_ascii(from);
	struct smtp_mail m = { .env = env,
		               .content = buf_span(&text),
		               .return_path_len = skip,
		               .id = own_id,
		               .protocol = "smtp",
		               .no_bounce = true,
		               .trusted = true };
	return smtp_deliver(s, &m);
}
