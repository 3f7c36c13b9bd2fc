# SPDX-License-Identifier: ISC
"""test_search.py - what phones find, compared with an independent scan of the same messages."""
import email
import email.policy
import glob
import os
import re
import unicodedata

from eas_client import Node
from harness import GodwitTest

PAGE = 100


def fold(text):
    plain = unicodedata.normalize("NFKD", text)
    return "".join(c for c in plain if unicodedata.category(c) not in ("Mn", "Me", "Cf")).casefold()


def words_of(text):
    return set(re.findall(r"[a-z0-9]+", fold(text)))


class Scan:
    """A message as Python's own parser sees it: words that must be found, and a text that has all
    that may be found."""

    def __init__(self, raw):
        m = email.message_from_bytes(raw, policy=email.policy.default)
        texts = [raw.decode("latin-1")]
        try:
            self.subject = words_of(str(m["Subject"] or ""))
        except (ValueError, LookupError, IndexError, AttributeError):
            self.subject = set()
        for part in m.walk():
            for name in ("From", "To", "Cc", "Subject", "Content-Disposition", "Content-Type"):
                try:
                    texts.append(str(part.get(name, "")))
                except (ValueError, LookupError, IndexError, AttributeError):
                    pass
            if part.get_content_maintype() == "text":
                try:
                    text = part.get_payload(decode=True).decode(part.get_content_charset("utf-8"), "replace")
                except (ValueError, LookupError, AttributeError):
                    continue
                # Words of HTML may be cut by tags and hidden in entities.
                texts += [text, re.sub(r"<[^>]*>", "", text), re.sub(r"<[^>]*>", " ", text)]
        self.all = fold("\n".join(texts))


class Search(GodwitTest):
    CONF = {"http": [], "activesync": []}

    def search(self, c, text):
        """Uids of all that is found, page by page."""
        found, total = [], None
        while total is None or len(found) < total:
            tree = c.command("Search", Node("Search:Search", Node(
                "Search:Store", Node("Search:Name", "Mailbox"),
                Node("Search:Query", Node("Search:And", Node("Search:FreeText", text))),
                Node("Search:Options", Node("Search:Range", "%d-%d" % (len(found), len(found) + PAGE - 1))))))
            store = tree.find("Search:Response/Search:Store")
            self.assertEqual(store.text("Search:Status"), "1", text)
            total = int(store.text("Search:Total"))
            ids = [r.text("Search:LongId") for r in store.all("Search:Result") if r.find("Search:LongId")]
            if not ids:
                break
            found += [int(i.split("-")[1]) for i in ids]
        self.assertEqual(len(found), total, text)
        return found

    def find(self, c, kql):
        tree = c.command("Find", Node("Find:Find", Node("Find:SearchId", "0a1b2c3d-0000-0000-0000-000000000001"), Node(
            "Find:ExecuteSearch", Node("Find:MailBoxSearchCriterion",
                                       Node("Find:Query", Node("Find:FreeText", kql)),
                                       Node("Find:Options", Node("Find:Range", "0-99"))))))
        self.assertEqual(tree.text("Find:Status"), "1", kql)
        return tree.find("Find:Response")

    def test_real_mail_is_found_as_a_scan_finds_it(self):
        corpus = self.needs_corpus()
        user = self.g.user("corpus@demo.test")
        imap = self.g.imap(user)
        scans = {}
        for path in sorted(glob.glob(os.path.join(corpus, "mime", "*.eml"))):
            with open(path, "rb") as f:
                raw = f.read().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            if len(raw) < 1000000 and b"\0" not in raw and \
                    imap.append("INBOX", None, None, raw)[0] == "OK":
                scans[len(scans) + 1] = Scan(raw)
        imap.logout()
        self.assertGreater(len(scans), 50)
        c = self.g.eas(user, "PHONEA")
        c.provision()
        every = sorted(set().union(*[s.subject for s in scans.values()]))
        queries = [w for w in every if len(w) > 3][::3][:60]
        self.assertGreater(len(queries), 20)
        for word in queries:
            found = set(self.search(c, word))
            must = {uid for uid, s in scans.items() if any(w.startswith(word) for w in s.subject)}
            may = {uid for uid, s in scans.items() if word in s.all}
            self.assertLessEqual(must, found, word)
            self.assertLessEqual(found, may, word)
        self.assertEqual(self.search(c, "xyzzyplugh"), [])

    def test_a_phone_finds_what_came_just_now(self):
        user = self.g.user("now@demo.test")
        c = self.g.eas(user, "PHONEA")
        c.provision()
        c.foldersync()
        self.assertEqual(self.search(c, "heron"), [])
        self.g.send(user, "Subject: Graureiher\r\nFrom: someone@example.org\r\n\r\nA grey heron at the pier\r\n")
        self.assertEqual(len(self.search(c, "heron")), 1)
        answer = self.find(c, 'subject:graureiher "grey heron" NOT hasattachment:true')
        self.assertEqual(answer.text("Find:Total"), "1")
        self.assertEqual(answer.text("Find:Result/Find:Properties/Find:Preview"), "A grey heron at the pier")
        self.assertEqual(self.find(c, "from:nobody heron").text("Find:Total"), "0")

    def test_the_address_list_is_what_the_admin_says(self):
        user = self.g.user("asker@demo.test")
        self.g.user("gwen@demo.test", name="Gwen Stacy")
        self.g.ctl("user", "set", "gwen@demo.test", "office", "Pier 7")
        self.g.ctl("user", "import", stdin="ned@demo.test\tned-ned-ned\tNed Leeds\ttitle=Editor\tphone=+1 212 555\n")
        self.assertIn("Pier 7", self.g.ctl("user", "show", "gwen@demo.test"))
        c = self.g.eas(user, "PHONEA")
        c.provision()

        def people(text):
            tree = c.command("Search", Node("Search:Search", Node(
                "Search:Store", Node("Search:Name", "GAL"), Node("Search:Query", text))))
            store = tree.find("Search:Response/Search:Store")
            return [r.find("Search:Properties") for r in store.all("Search:Result") if r.find("Search:Properties")]

        gwen, = people("stacy")
        self.assertEqual(gwen.text("GAL:DisplayName"), "Gwen Stacy")
        self.assertEqual(gwen.text("GAL:Office"), "Pier 7")
        ned, = people("leeds")
        self.assertEqual((ned.text("GAL:Title"), ned.text("GAL:Phone")), ("Editor", "+1 212 555"))
        self.g.ctl("user", "set", "gwen@demo.test", "hidden", "yes")
        self.assertEqual(people("stacy"), [])
