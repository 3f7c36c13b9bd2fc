/* SPDX-License-Identifier: ISC
 *
 * test_words.c - the words that a text is found by.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* cmocka wants those before it. */
#include <cmocka.h>

#include "format/words.h"

static bool
note(struct span word, enum word_kind kind, void *arg)
{
	struct buf *b = arg;

	if (buf_len(b) > 0)
		buf_add_char(b, ' ');
	buf_add_span(b, word);
	if (kind == WORD_GRAM)
		buf_add_char(b, '+');
	else if (kind == WORD_TAIL)
		buf_add_char(b, '.');
	return true;
}

static void
check(const char *text, const char *want)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	words_each(span_str(text), note, &b);
	if (!span_is(buf_span(&b), want))
		fail_msg("\"%s\": got \"%.*s\", want \"%s\"", text,
		         SPAN_FMT(buf_span(&b)), want);
}

static void
words_are_runs_of_letters_and_digits(void **state)
{
	(void)state;
	check("", "");
	check(" ,;- ", "");
	check("Hello, World", "hello world");
	check("don't-stop_now", "don t stop now");
	check("a.b@example.org", "a b example org");
	check("Q4 2026", "q4 2026");
}

static void
case_diacritics_and_forms_are_folded(void **state)
{
	(void)state;
	check("Crème Brûlée", "creme brulee");
	check("cre\xcc\x80me", "creme"); /* the same with a combining mark */
	check("STRASSE Straße", "strasse strasse");
	check("Ærø Łódź İstanbul", "aero lodz istanbul");
	check("ΑΘΗΝΑ Αθήνα", "αθηνα αθηνα");
	check("ﬁle Ｆｕｌｌ", "file full");
	check("soft\xc2\xadhyphen", "softhyphen");
	check("Москва й", "москва и");
}

static void
scripts_without_spaces_give_pairs(void **state)
{
	(void)state;
	check("東京都", "東京+ 京都+ 都.");
	check("京", "京.");
	check("新iPhone手机!", "新. iphone 手机+ 机.");
	check("안녕하세요", "안녕+ 녕하+ 하세+ 세요+ 요.");
	check("会议 明天", "会议+ 议. 明天+ 天.");
	check("コーヒー", "コー+ ーヒ+ ヒー+ ー.");
	check("ไทย", "ไท+ ทย+ ย.");
}

static void
a_long_word_is_cut_and_bad_bytes_part_words(void **state)
{
	char text[201];
	char want[WORD_MAX + 1];

	(void)state;
	memset(text, 'x', 200);
	text[200] = 0;
	memset(want, 'x', sizeof(want));
	want[WORD_MAX - 3] = 0;
	check(text, want);
	check("one\xff"
	      "two",
	      "one two");
	check("cut \xe6\x9d", "cut");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_runs_of_letters_and_digits),
		cmocka_unit_test(case_diacritics_and_forms_are_folded),
		cmocka_unit_test(scripts_without_spaces_give_pairs),
		cmocka_unit_test(a_long_word_is_cut_and_bad_bytes_part_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
