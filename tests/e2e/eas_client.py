# SPDX-License-Identifier: ISC
"""eas_client.py - a small ActiveSync client of the tests' own, on the standard library alone.

It shares nothing with the server: its WBXML codec and token tables are written from MS-ASWBXML
here once more, so that a mistake in one is seen by the other.

    c = EasClient("localhost", 8443, "alice@demo.test", "secret", "PHONE0001", "16.1", "ca.pem")
    c.options(); c.provision()
    inbox = next(f for f in c.foldersync() if f["type"] == 2)
    for item in c.sync_all(inbox["id"]):
        print(item["subject"])
    status, folders = c.ping([inbox["id"]], 480)

A document is a tree of Node(tag, children or text or bytes); tags are "Page:Name".
"""
import base64
import contextlib
import http.client
import socket
import ssl
import struct
import threading
import urllib.parse

# Code pages of MS-ASWBXML 2.1.2.1, as far as the client uses them: token -> name.
PAGES = {
    0: ("AirSync", {
        0x05: "Sync", 0x06: "Responses", 0x07: "Add", 0x08: "Change", 0x09: "Delete", 0x0A: "Fetch",
        0x0B: "SyncKey", 0x0C: "ClientId", 0x0D: "ServerId", 0x0E: "Status", 0x0F: "Collection",
        0x10: "Class", 0x12: "CollectionId", 0x13: "GetChanges", 0x14: "MoreAvailable",
        0x15: "WindowSize", 0x16: "Commands", 0x17: "Options", 0x18: "FilterType", 0x19: "Truncation", 0x1B: "Conflict",
        0x1C: "Collections", 0x1D: "ApplicationData", 0x1E: "DeletesAsMoves", 0x20: "Supported",
        0x21: "SoftDelete", 0x22: "MIMESupport", 0x23: "MIMETruncation", 0x24: "Wait", 0x25: "Limit",
        0x26: "Partial", 0x29: "HeartbeatInterval"}),
    1: ("Contacts", {
        0x05: "Anniversary", 0x06: "AssistantName", 0x07: "AssistantPhoneNumber", 0x08: "Birthday",
        0x09: "Body", 0x0A: "BodySize", 0x0B: "BodyTruncated", 0x0C: "Business2PhoneNumber", 0x0D:
        "BusinessAddressCity", 0x0E: "BusinessAddressCountry", 0x0F: "BusinessAddressPostalCode", 0x10:
        "BusinessAddressState", 0x11: "BusinessAddressStreet", 0x12: "BusinessFaxNumber", 0x13:
        "BusinessPhoneNumber", 0x14: "CarPhoneNumber", 0x15: "Categories", 0x16: "Category", 0x17:
        "Children", 0x18: "Child", 0x19: "CompanyName", 0x1A: "Department", 0x1B: "Email1Address", 0x1C:
        "Email2Address", 0x1D: "Email3Address", 0x1E: "FileAs", 0x1F: "FirstName", 0x20:
        "Home2PhoneNumber", 0x21: "HomeAddressCity", 0x22: "HomeAddressCountry", 0x23:
        "HomeAddressPostalCode", 0x24: "HomeAddressState", 0x25: "HomeAddressStreet", 0x26:
        "HomeFaxNumber", 0x27: "HomePhoneNumber", 0x28: "JobTitle", 0x29: "LastName", 0x2A:
        "MiddleName", 0x2B: "MobilePhoneNumber", 0x2C: "OfficeLocation", 0x2D: "OtherAddressCity", 0x2E:
        "OtherAddressCountry", 0x2F: "OtherAddressPostalCode", 0x30: "OtherAddressState", 0x31:
        "OtherAddressStreet", 0x32: "PagerNumber", 0x33: "RadioPhoneNumber", 0x34: "Spouse", 0x35:
        "Suffix", 0x36: "Title", 0x37: "WebPage", 0x38: "YomiCompanyName", 0x39: "YomiFirstName", 0x3A:
        "YomiLastName", 0x3C: "Picture"}),
    2: ("Email", {
        0x05: "Attachment", 0x06: "Attachments", 0x07: "AttName", 0x08: "AttSize", 0x0A: "AttMethod",
        0x0C: "Body", 0x0D: "BodySize", 0x0E: "BodyTruncated", 0x10: "DisplayName",
        0x0F: "DateReceived", 0x11: "DisplayTo", 0x12: "Importance", 0x13: "MessageClass",
        0x14: "Subject", 0x15: "Read", 0x16: "To", 0x17: "Cc", 0x18: "From", 0x19: "ReplyTo",
        0x1A: "AllDayEvent", 0x1B: "Categories", 0x1C: "Category", 0x1D: "DtStamp", 0x1E: "EndTime",
        0x1F: "InstanceType", 0x20: "BusyStatus", 0x21: "Location", 0x22: "MeetingRequest", 0x23: "Organizer",
        0x24: "RecurrenceId", 0x25: "Reminder", 0x26: "ResponseRequested", 0x27: "Recurrences", 0x28: "Recurrence",
        0x29: "Type", 0x2A: "Until", 0x2B: "Occurrences", 0x2C: "Interval", 0x2D: "DayOfWeek", 0x2E: "DayOfMonth",
        0x2F: "WeekOfMonth", 0x30: "MonthOfYear", 0x31: "StartTime", 0x32: "Sensitivity", 0x33: "TimeZone",
        0x34: "GlobalObjId", 0x35: "ThreadTopic", 0x36: "MIMEData", 0x37: "MIMETruncated",
        0x38: "MIMESize", 0x39: "InternetCPID",
        0x3A: "Flag", 0x3B: "Status", 0x3C: "ContentClass", 0x3D: "FlagType", 0x3E: "CompleteTime",
        0x3F: "DisallowNewTimeProposal"}),
    4: ("Calendar", {
        0x05: "Timezone", 0x06: "AllDayEvent", 0x07: "Attendees", 0x08: "Attendee", 0x09: "Email", 0x0A:
        "Name", 0x0B: "Body", 0x0C: "BodyTruncated", 0x0D: "BusyStatus", 0x0E: "Categories", 0x0F: "Category", 0x11: "DtStamp", 0x12:
        "EndTime", 0x13: "Exception", 0x14: "Exceptions", 0x15: "Deleted", 0x16: "ExceptionStartTime",
        0x17: "Location", 0x18: "MeetingStatus", 0x19: "OrganizerEmail", 0x1A: "OrganizerName", 0x1B:
        "Recurrence", 0x1C: "Type", 0x1D: "Until", 0x1E: "Occurrences", 0x1F: "Interval", 0x20:
        "DayOfWeek", 0x21: "DayOfMonth", 0x22: "WeekOfMonth", 0x23: "MonthOfYear", 0x24: "Reminder",
        0x25: "Sensitivity", 0x26: "Subject", 0x27: "StartTime", 0x28: "UID", 0x29: "AttendeeStatus",
        0x2A: "AttendeeType", 0x33: "DisallowNewTimeProposal", 0x34: "ResponseRequested", 0x35:
        "AppointmentReplyTime", 0x36: "ResponseType", 0x39: "FirstDayOfWeek", 0x3C: "ClientUid"}),
    5: ("Move", {
        0x05: "MoveItems", 0x06: "Move", 0x07: "SrcMsgId", 0x08: "SrcFldId", 0x09: "DstFldId",
        0x0A: "Response", 0x0B: "Status", 0x0C: "DstMsgId"}),
    6: ("GetItemEstimate", {
        0x05: "GetItemEstimate", 0x07: "Collections", 0x08: "Collection", 0x09: "Class",
        0x0A: "CollectionId", 0x0C: "Estimate", 0x0D: "Response", 0x0E: "Status"}),
    7: ("FolderHierarchy", {
        0x05: "Folders", 0x06: "Folder", 0x07: "DisplayName", 0x08: "ServerId", 0x09: "ParentId",
        0x0A: "Type", 0x0C: "Status", 0x0E: "Changes", 0x0F: "Add", 0x10: "Delete", 0x11: "Update",
        0x12: "SyncKey", 0x13: "FolderCreate", 0x14: "FolderDelete", 0x15: "FolderUpdate",
        0x16: "FolderSync", 0x17: "Count"}),
    8: ("MeetingResponse", {
        0x05: "CalendarId", 0x06: "CollectionId", 0x07: "MeetingResponse", 0x08: "RequestId", 0x09: "Request",
        0x0A: "Result", 0x0B: "Status", 0x0C: "UserResponse", 0x0E: "InstanceId", 0x10: "ProposedStartTime",
        0x11: "ProposedEndTime", 0x12: "SendResponse"}),
    9: ("Tasks", {
        0x05: "Body", 0x06: "BodySize", 0x07: "BodyTruncated",
        0x08: "Categories", 0x09: "Category", 0x0A: "Complete", 0x0B: "DateCompleted", 0x0C: "DueDate",
        0x0D: "UtcDueDate", 0x0E: "Importance", 0x0F: "Recurrence", 0x10: "Type", 0x11: "Start", 0x12:
        "Until", 0x13: "Occurrences", 0x14: "Interval", 0x15: "DayOfMonth", 0x16: "DayOfWeek", 0x17:
        "WeekOfMonth", 0x18: "MonthOfYear", 0x19: "Regenerate", 0x1A: "DeadOccur", 0x1B: "ReminderSet",
        0x1C: "ReminderTime", 0x1D: "Sensitivity", 0x1E: "StartDate", 0x1F: "UtcStartDate", 0x20:
        "Subject", 0x22: "OrdinalDate", 0x23: "SubOrdinalDate"}),
    12: ("Contacts2", {
        0x05: "CustomerId", 0x06: "GovernmentId", 0x07: "IMAddress", 0x08: "IMAddress2", 0x09:
        "IMAddress3", 0x0A: "ManagerName", 0x0B: "CompanyMainPhone", 0x0C: "AccountName", 0x0D:
        "NickName", 0x0E: "MMS"}),
    13: ("Ping", {
        0x05: "Ping", 0x07: "Status", 0x08: "HeartbeatInterval", 0x09: "Folders", 0x0A: "Folder",
        0x0B: "Id", 0x0C: "Class", 0x0D: "MaxFolders"}),
    14: ("Provision", {
        0x05: "Provision", 0x06: "Policies", 0x07: "Policy", 0x08: "PolicyType", 0x09: "PolicyKey",
        0x0A: "Data", 0x0B: "Status", 0x0C: "RemoteWipe", 0x0D: "EASProvisionDoc",
        0x0E: "DevicePasswordEnabled", 0x14: "MinDevicePasswordLength", 0x1C: "AllowCamera",
        0x3B: "AccountOnlyRemoteWipe"}),
    15: ("Search", {
        0x05: "Search", 0x07: "Store", 0x08: "Name", 0x09: "Query", 0x0A: "Options", 0x0B: "Range",
        0x0C: "Status", 0x0D: "Response", 0x0E: "Result", 0x0F: "Properties", 0x10: "Total",
        0x13: "And", 0x15: "FreeText", 0x17: "DeepTraversal", 0x18: "LongId", 0x19: "RebuildResults"}),
    16: ("GAL", {
        0x05: "DisplayName", 0x06: "Phone", 0x07: "Office", 0x08: "Title", 0x09: "Company",
        0x0A: "Alias", 0x0B: "FirstName", 0x0C: "LastName", 0x0D: "HomePhone", 0x0E: "MobilePhone",
        0x0F: "EmailAddress", 0x10: "Picture", 0x11: "Status", 0x12: "Data"}),
    17: ("AirSyncBase", {
        0x05: "BodyPreference", 0x06: "Type", 0x07: "TruncationSize", 0x08: "AllOrNone", 0x0A: "Body",
        0x0B: "Data", 0x0C: "EstimatedDataSize", 0x0D: "Truncated", 0x0E: "Attachments",
        0x0F: "Attachment", 0x10: "DisplayName", 0x11: "FileReference", 0x12: "Method",
        0x13: "ContentId", 0x14: "ContentLocation", 0x15: "IsInline", 0x16: "NativeBodyType",
        0x17: "ContentType", 0x18: "Preview", 0x1C: "Add", 0x1D: "Delete", 0x1E: "ClientId",
        0x1F: "Content", 0x20: "Location", 0x2D: "InstanceId"}),
    25: ("Find", {
        0x05: "Find", 0x06: "SearchId", 0x07: "ExecuteSearch", 0x08: "MailBoxSearchCriterion",
        0x09: "Query", 0x0A: "Status", 0x0B: "FreeText", 0x0C: "Options", 0x0D: "Range",
        0x11: "Response", 0x12: "Result", 0x13: "Properties", 0x14: "Preview",
        0x15: "HasAttachments", 0x16: "Total", 0x17: "DisplayCc", 0x18: "DisplayBcc"}),
    18: ("Settings", {
        0x05: "Settings", 0x06: "Status", 0x07: "Get", 0x08: "Set", 0x09: "Oof", 0x0A: "OofState",
        0x0B: "StartTime", 0x0C: "EndTime", 0x0D: "OofMessage", 0x0E: "AppliesToInternal",
        0x0F: "AppliesToExternalKnown", 0x10: "AppliesToExternalUnknown", 0x11: "Enabled",
        0x12: "ReplyMessage", 0x13: "BodyType", 0x14: "DevicePassword", 0x15: "Password", 0x16: "DeviceInformation", 0x17: "Model", 0x18: "IMEI",
        0x19: "FriendlyName", 0x1A: "OS", 0x1B: "OSLanguage", 0x1C: "PhoneNumber",
        0x1D: "UserInformation", 0x1E: "EmailAddresses", 0x1F: "SMTPAddress", 0x20: "UserAgent",
        0x22: "MobileOperator", 0x23: "PrimarySmtpAddress", 0x24: "Accounts", 0x25: "Account",
        0x28: "UserDisplayName"}),
    20: ("ItemOperations", {
        0x05: "ItemOperations", 0x06: "Fetch", 0x07: "Store", 0x08: "Options", 0x09: "Range",
        0x0A: "Total", 0x0B: "Properties", 0x0C: "Data", 0x0D: "Status", 0x0E: "Response",
        0x11: "Part", 0x12: "EmptyFolderContents", 0x13: "DeleteSubFolders"}),
    21: ("ComposeMail", {
        0x05: "SendMail", 0x06: "SmartForward", 0x07: "SmartReply", 0x08: "SaveInSentItems",
        0x09: "ReplaceMime", 0x0B: "Source", 0x0C: "FolderId", 0x0D: "ItemId", 0x0F: "InstanceId",
        0x10: "Mime", 0x11: "ClientId", 0x12: "Status", 0x15: "Forwardees", 0x16: "Forwardee", 0x17: "Name",
        0x18: "Email"}),
    22: ("Email2", {
        0x09: "ConversationId", 0x0A: "ConversationIndex", 0x0B: "LastVerbExecuted",
        0x0C: "LastVerbExecutionTime", 0x0E: "Sender", 0x0F: "CalendarType", 0x10: "IsLeapMonth",
        0x12: "FirstDayOfWeek", 0x13: "MeetingMessageType", 0x15: "IsDraft", 0x16: "Bcc", 0x17: "Send"}),
    23: ("Notes", {
        0x05: "Subject", 0x06: "MessageClass", 0x07: "LastModifiedDate", 0x08: "Categories", 0x09:
        "Category"}),
}
PAGE_NAMES = {number: name for number, (name, _) in PAGES.items()}
TOKENS = {"%s:%s" % (page, name): (number, token)
          for number, (page, tokens) in PAGES.items() for token, name in tokens.items()}


class EasError(Exception):
    def __init__(self, message, http=None, status=None, body=b""):
        super().__init__(message)
        self.http, self.status, self.body = http, status, body


class Node:
    """An element: children, or text (str), or opaque bytes, or nothing."""

    def __init__(self, tag, *content):
        self.tag = tag
        self.children = [c for c in content if isinstance(c, Node)]
        self.value = next((c for c in content if isinstance(c, (str, bytes))), None)

    def find(self, path):
        """First descendant on the path "AirSync:Collections/AirSync:Collection", or None."""
        node = self
        for tag in path.split("/"):
            node = next((c for c in node.children if c.tag == tag), None)
            if node is None:
                return None
        return node

    def all(self, tag):
        return [c for c in self.children if c.tag == tag]

    def text(self, path, default=None):
        node = self.find(path)
        if node is None:
            return default
        value = node.value if node.value is not None else ""
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value

    def data(self, path):
        node = self.find(path)
        if node is None or node.value is None:
            return b""
        return node.value if isinstance(node.value, bytes) else node.value.encode()

    def __repr__(self):
        inner = "".join(map(repr, self.children)) if self.children else repr(self.value)
        return "<%s>%s" % (self.tag, inner)


def _multibyte(n):
    out = [n & 0x7F]
    n >>= 7
    while n:
        out.append(0x80 | n & 0x7F)
        n >>= 7
    return bytes(reversed(out))


def encode(root):
    out = bytearray(b"\x03\x01\x6a\x00")
    page = 0

    def add(node):
        nonlocal page
        number, token = TOKENS[node.tag]
        if number != page:
            out.extend((0x00, number))
            page = number
        empty = not node.children and node.value in (None, "", b"")
        out.append(token if empty else token | 0x40)
        if empty:
            return
        for child in node.children:
            add(child)
        if isinstance(node.value, bytes):
            out.append(0xC3)
            out.extend(_multibyte(len(node.value)) + node.value)
        elif node.value:
            out.append(0x03)
            out.extend(node.value.encode() + b"\0")
        out.append(0x01)

    add(root)
    return bytes(out)


def decode(data):
    """The tree of a document; raises EasError on anything that is not ActiveSync's WBXML."""
    if data[:4] != b"\x03\x01\x6a\x00":
        raise EasError("no WBXML 1.3, UTF-8: %r" % data[:8])
    at, page, stack, root = 4, 0, [], None
    while at < len(data):
        token = data[at]
        at += 1
        if token == 0x00:
            page = data[at]
            at += 1
        elif token == 0x01:
            stack.pop()
        elif token == 0x03:
            end = data.index(b"\0", at)
            text = data[at:end].decode("utf-8")
            stack[-1].value = (stack[-1].value or "") + text
            at = end + 1
        elif token == 0xC3:
            length = 0
            while True:
                byte = data[at]
                at += 1
                length = length << 7 | byte & 0x7F
                if not byte & 0x80:
                    break
            if at + length > len(data):
                raise EasError("opaque data runs past the end")
            stack[-1].value = data[at:at + length]
            at += length
        else:
            name, tokens = PAGES.get(page, ("page%d" % page, {}))
            node = Node("%s:%s" % (name, tokens.get(token & 0x3F, "0x%02X" % (token & 0x3F))))
            if stack:
                stack[-1].children.append(node)
            elif root is None:
                root = node
            else:
                raise EasError("two roots")
            if token & 0x40:
                stack.append(node)
    if stack or root is None:
        raise EasError("the document is not complete")
    return root


def parse_multipart(data):
    """MS-ASCMD 2.2.1.10.1.1: the parts, the WBXML first."""
    count, = struct.unpack_from("<I", data, 0)
    parts = []
    for i in range(count):
        offset, length = struct.unpack_from("<II", data, 4 + 8 * i)
        parts.append(data[offset:offset + length])
    return parts


# MS-ASHTTP 2.2.1.1.1.1.2
CODES = {"Sync": 0, "SendMail": 1, "SmartForward": 2, "SmartReply": 3, "GetAttachment": 4, "GetHierarchy": 5,
         "FolderSync": 9, "FolderCreate": 10, "FolderDelete": 11, "FolderUpdate": 12, "MoveItems": 13,
         "GetItemEstimate": 14, "Settings": 17, "Ping": 18, "ItemOperations": 19, "Provision": 20}

# MS-ASHTTP 2.2.1.1.1.1.3
PARAMETERS = {"AttachmentName": 0, "CollectionId": 1, "ItemId": 3, "LongId": 4, "Occurrence": 6}


class Lost(Exception):
    """The connection broke before the answer was read: nobody knows what became of the request."""


class EasClient:
    def __init__(self, host, port, user, password, device_id, version="16.1", cafile=None,
                 device_type="TestPhone", base64_query=False, timeout=600, tls=True):
        self.host, self.port = host, port
        self.user, self.password = user, password
        self.device_id, self.device_type = device_id, device_type
        self.version, self.base64_query = version, base64_query
        self.timeout, self.tls, self.cafile = timeout, tls, cafile
        self.policy_key = 0
        self.folder_key = "0"
        self.sync_keys = {}
        self.folders = {}
        self.client_ids = 0
        self.lock = threading.Lock()
        self.http = None
        self.lose = False  # the next request is sent and its connection closed: Lost

    # -- HTTP --

    def _connection(self):
        if self.tls:
            context = ssl.create_default_context(cafile=self.cafile)
            return http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout,
                                               context=context)
        return http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)

    def close(self):
        """Ends the connection, also under a request that waits in another thread."""
        connection, self.http = self.http, None
        sock = connection.sock if connection is not None else None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _authorization(self):
        pair = "%s:%s" % (self.user, self.password)
        return "Basic " + base64.b64encode(pair.encode()).decode()

    def _query(self, command, save=False, multipart=False, parameters=None):
        parameters = parameters or {}
        if not self.base64_query:
            q = {"Cmd": command, "User": self.user, "DeviceId": self.device_id,
                 "DeviceType": self.device_type, **parameters}
            if save:
                q["SaveInSent"] = "T"
            return urllib.parse.urlencode(q)
        major, minor = self.version.split(".")
        device, kind = self.device_id.encode(), self.device_type.encode()
        packed = bytes((int(major) * 10 + int(minor), CODES[command])) + struct.pack("<H", 0x0409)
        packed += bytes((len(device),)) + device
        packed += b"\x04" + struct.pack("<I", self.policy_key)
        packed += bytes((len(kind),)) + kind
        for name, value in parameters.items():
            packed += bytes((PARAMETERS[name], len(value.encode()))) + value.encode()
        options = (1 if save else 0) | (2 if multipart else 0)
        if options:
            packed += bytes((7, 1, options))
        return base64.b64encode(packed).decode()

    def request(self, method, path, body=b"", headers=None):
        """(status, headers, body) on the kept connection; one retry when it was closed."""
        headers = {"Authorization": self._authorization(), "User-Agent": "GodwitTest/1.0",
                   **(headers or {})}
        with self.lock:
            for attempt in (0, 1):
                if self.http is None:
                    self.http = self._connection()
                connection = self.http
                fresh = connection.sock is None
                try:
                    connection.request(method, path, body=body, headers=headers)
                    if self.lose:
                        self.lose = False
                        self.close()
                        raise Lost
                    answer = connection.getresponse()
                    return answer.status, answer.headers, answer.read()
                except (http.client.RemoteDisconnected, ConnectionError, BrokenPipeError):
                    self.http = None
                    if fresh or attempt or connection.sock is None:
                        raise
                except Exception:
                    self.http = None
                    raise

    def post(self, command, body, content_type="application/vnd.ms-sync.wbxml", save=False,
             multipart=False, parameters=None):
        """Raw: (status, headers, body). parameters: ItemId and the like, in the query."""
        headers = {"Content-Type": content_type}
        if not self.base64_query:
            headers["MS-ASProtocolVersion"] = self.version
            headers["X-MS-PolicyKey"] = str(self.policy_key)
            if multipart:
                headers["MS-ASAcceptMultiPart"] = "T"
        path = "/Microsoft-Server-ActiveSync?" + self._query(command, save, multipart, parameters)
        return self.request("POST", path, body, headers)

    def command(self, command, root, **kw):
        """The answer's tree, or None when it is empty. root None sends no body."""
        status, headers, body = self.post(command, encode(root) if root else b"", **kw)
        if status != 200:
            raise EasError("%s: HTTP %d" % (command, status), http=status, body=body)
        if not body:
            return None
        if headers.get("Content-Type", "").startswith("application/vnd.ms-sync.multipart"):
            parts = parse_multipart(body)
            tree = decode(parts[0])
            tree.parts = parts
            return tree
        return decode(body)

    # -- commands --

    def options(self):
        """The protocol versions, "14.0,14.1,..."."""
        status, headers, body = self.request("OPTIONS", "/Microsoft-Server-ActiveSync")
        if status != 200:
            raise EasError("OPTIONS: HTTP %d" % status, http=status, body=body)
        self.commands = headers["MS-ASProtocolCommands"].split(",")
        return headers["MS-ASProtocolVersions"]

    def provision(self):
        """Both phases; the final key in self.policy_key, 0 when there is no policy. self.policy is
        the document: an element, at 2.5 the text of a wap-provisioningdoc."""
        self.policy_key = 0
        old = float(self.version) < 12
        kind = Node("Provision:PolicyType", "MS-WAP-Provisioning-XML" if old else "MS-EAS-Provisioning-WBXML")
        info = []
        if float(self.version) >= 14.1:
            info = [Node("Settings:DeviceInformation", Node(
                "Settings:Set", Node("Settings:Model", "Test Phone"), Node("Settings:OS", "Test 1.0"),
                Node("Settings:FriendlyName", "test"), Node("Settings:OSLanguage", "en")))]
        tree = self.command("Provision", Node("Provision:Provision", *info, Node(
            "Provision:Policies", Node("Provision:Policy", kind))))
        policy = tree.find("Provision:Policies/Provision:Policy")
        if policy is None:
            return tree
        if policy.text("Provision:Status") == "2":
            return tree
        key = policy.text("Provision:PolicyKey")
        self.policy = (policy.text("Provision:Data") if old
                       else policy.find("Provision:Data/Provision:EASProvisionDoc"))
        if policy.text("Provision:Status") != "1" or self.policy is None:
            raise EasError("Provision: %r" % tree)
        self.policy_key = int(key)
        tree = self.command("Provision", Node("Provision:Provision", Node(
            "Provision:Policies", Node("Provision:Policy", kind, Node("Provision:PolicyKey", key),
                                       Node("Provision:Status", "1")))))
        policy = tree.find("Provision:Policies/Provision:Policy")
        if policy is None or policy.text("Provision:Status") != "1":
            raise EasError("Provision: %r" % tree)
        self.policy_key = int(policy.text("Provision:PolicyKey"))
        return tree

    def foldersync(self, key=None):
        """All folders that are known after it: [{"id", "parent", "name", "type"}]."""
        key = self.folder_key if key is None else key
        tree = self.command("FolderSync", Node("FolderHierarchy:FolderSync",
                                               Node("FolderHierarchy:SyncKey", key)))
        status = tree.text("FolderHierarchy:Status")
        if status != "1":
            raise EasError("FolderSync: Status %s" % status, status=int(status))
        if key == "0":
            self.folders = {}
        self.folder_key = tree.text("FolderHierarchy:SyncKey")
        for n in tree.find("FolderHierarchy:Changes").children:
            if n.tag == "FolderHierarchy:Count":
                continue
            number = n.text("FolderHierarchy:ServerId")
            if n.tag == "FolderHierarchy:Delete":
                self.folders.pop(number, None)
                continue
            self.folders[number] = {
                "id": number, "parent": n.text("FolderHierarchy:ParentId"),
                "name": n.text("FolderHierarchy:DisplayName"),
                "type": int(n.text("FolderHierarchy:Type"))}
        return list(self.folders.values())

    @staticmethod
    def item(node):
        """A dict of an Add, Change, Delete or Fetch; keys are there when the server told them."""
        item = {"id": node.text("AirSync:ServerId"),
                "deleted": node.tag in ("AirSync:Delete", "AirSync:SoftDelete")}
        item["soft"] = node.tag == "AirSync:SoftDelete"
        data = node.find("AirSync:ApplicationData") or node.find("ItemOperations:Properties")
        if data is None:
            return item
        item["node"] = data
        for key, tag in (("subject", "Email:Subject"), ("from", "Email:From"), ("to", "Email:To"),
                         ("received", "Email:DateReceived")):
            if data.find(tag) is not None:
                item[key] = data.text(tag)
        if data.find("Email:Read") is not None:
            item["read"] = data.text("Email:Read") == "1"
        if data.find("Email:Flag") is not None:
            item["flagged"] = data.text("Email:Flag/Email:Status") == "2"
        for page in ("Email", "Contacts", "Calendar", "Tasks"):  # at 2.5
            if data.find(page + ":BodyTruncated") is not None:
                item["body"] = data.data(page + ":Body")
                item["truncated"] = data.text(page + ":BodyTruncated") == "1"
        body = data.find("AirSyncBase:Body")
        if body is not None:
            item["body_type"] = int(body.text("AirSyncBase:Type"))
            item["body"] = body.data("AirSyncBase:Data")
            item["truncated"] = body.text("AirSyncBase:Truncated") == "1"
            item["estimated"] = int(body.text("AirSyncBase:EstimatedDataSize", "0"))
            item["preview"] = body.text("AirSyncBase:Preview")
        attachments = data.find("AirSyncBase:Attachments")
        item["attachments"] = [
            {"name": a.text("AirSyncBase:DisplayName"), "reference": a.text("AirSyncBase:FileReference"),
             "size": int(a.text("AirSyncBase:EstimatedDataSize", "0")),
             "content_id": a.text("AirSyncBase:ContentId"),
             "inline": a.text("AirSyncBase:IsInline") == "1"}
            for a in (attachments.children if attachments else [])]
        attachments = data.find("Email:Attachments")  # at 2.5
        item["attachments"] += [
            {"name": a.text("Email:DisplayName"), "reference": a.text("Email:AttName"),
             "size": int(a.text("Email:AttSize", "0"))}
            for a in (attachments.children if attachments else [])]
        return item

    def _options(self, filter_type, body_type, truncation, mime):
        if float(self.version) < 12:  # MS-ASCMD 2.2.3.187: by steps
            steps = [512, 1024, 2048, 5120, 10240, 20480, 51200, 102400]
            step = 9 if truncation is None else 0 if truncation == 0 else 1 + sum(
                s < truncation for s in steps[:-1])
            return Node("AirSync:Options", Node("AirSync:FilterType", str(filter_type)),
                        Node("AirSync:Truncation", str(step)), Node("AirSync:MIMESupport", str(mime)))
        pref = [Node("AirSyncBase:Type", str(body_type))]
        if truncation is not None:
            pref.append(Node("AirSyncBase:TruncationSize", str(truncation)))
        return Node("AirSync:Options", Node("AirSync:FilterType", str(filter_type)),
                    Node("AirSync:MIMESupport", str(mime)), Node("AirSyncBase:BodyPreference", *pref))

    def sync_request(self, folder, key=None, window=100, filter_type=0, body_type=1, truncation=32768,
                     mime=0, commands=(), get_changes=True, deletes_as_moves=True, options=True,
                     kind="Email"):
        """kind: the Class, which devices up to 12.1 must name."""
        key = self.sync_keys.get(folder, "0") if key is None else key
        parts = [Node("AirSync:SyncKey", key), Node("AirSync:CollectionId", folder)]
        if float(self.version) <= 12.1:
            parts.insert(0, Node("AirSync:Class", kind))
        if key != "0":
            parts += [Node("AirSync:DeletesAsMoves", "1" if deletes_as_moves else "0"),
                      Node("AirSync:GetChanges", "1" if get_changes else "0"),
                      Node("AirSync:WindowSize", str(window))]
        if options:
            parts.append(self._options(filter_type, body_type, truncation, mime))
        if commands:
            parts.append(Node("AirSync:Commands", *commands))
        return Node("AirSync:Collection", *parts)

    def sync_raw(self, *collections, wait=None, heartbeat=None, window=None, partial=False):
        """The answer's tree, or None for the empty one."""
        parts = []
        if collections:
            parts.append(Node("AirSync:Collections", *collections))
        if wait is not None:
            parts.append(Node("AirSync:Wait", str(wait)))
        if heartbeat is not None:
            parts.append(Node("AirSync:HeartbeatInterval", str(heartbeat)))
        if window is not None:
            parts.append(Node("AirSync:WindowSize", str(window)))
        if partial:
            parts.append(Node("AirSync:Partial"))
        return self.command("Sync", Node("AirSync:Sync", *parts) if parts else None)

    def take(self, tree, folder):
        """(items, more, responses) of a folder in a Sync answer; its new key is remembered."""
        if tree is None:
            return [], False, []
        status = tree.text("AirSync:Status")
        if status is not None:
            raise EasError("Sync: Status %s" % status, status=int(status))
        for c in tree.find("AirSync:Collections").children:
            if c.text("AirSync:CollectionId") != folder:
                continue
            status = c.text("AirSync:Status")
            if status != "1":
                raise EasError("Sync of %s: Status %s" % (folder, status), status=int(status))
            self.sync_keys[folder] = c.text("AirSync:SyncKey")
            commands, responses = c.find("AirSync:Commands"), c.find("AirSync:Responses")
            return ([self.item(n) for n in (commands.children if commands else [])],
                    c.find("AirSync:MoreAvailable") is not None,
                    responses.children if responses else [])
        return [], False, []

    def sync(self, folder, **kw):
        """One request: (items, more, responses). The first fetches the first key only."""
        return self.take(self.sync_raw(self.sync_request(folder, **kw)), folder)

    def sync_all(self, folder, **kw):
        """Rounds until nothing more is there; all that came, in order."""
        if folder not in self.sync_keys:
            self.sync(folder, **kw)
        items, more = [], True
        while more:
            got, more, _ = self.sync(folder, **kw)
            items += got
        return items

    def change(self, folder, item, *data):
        """A Change of the client; the Responses of the answer."""
        return self.sync(folder, get_changes=False, commands=[Node(
            "AirSync:Change", Node("AirSync:ServerId", item),
            Node("AirSync:ApplicationData", *data))])[2]

    def set_read(self, folder, item, read):
        return self.change(folder, item, Node("Email:Read", "1" if read else "0"))

    def set_flag(self, folder, item, on):
        flag = [Node("Email:Status", "2"), Node("Email:FlagType", "Flag for follow up")] if on else []
        return self.change(folder, item, Node("Email:Flag", *flag))

    def delete(self, folder, item, as_move=True):
        return self.sync(folder, get_changes=False, deletes_as_moves=as_move, commands=[Node(
            "AirSync:Delete", Node("AirSync:ServerId", item))])[2]

    def ping(self, folders=None, seconds=None):
        """(status, changed folders). Both None: the server's cached request."""
        parts = []
        if seconds is not None:
            parts.append(Node("Ping:HeartbeatInterval", str(seconds)))
        if folders is not None:
            parts.append(Node("Ping:Folders", *[
                Node("Ping:Folder", Node("Ping:Id", f), Node("Ping:Class", "Email")) for f in folders]))
        tree = self.command("Ping", Node("Ping:Ping", *parts) if parts else None)
        changed = tree.find("Ping:Folders")
        return int(tree.text("Ping:Status")), [n.value for n in (changed.children if changed else [])]

    def _fetch(self, *content, multipart=False):
        tree = self.command("ItemOperations", Node("ItemOperations:ItemOperations", Node(
            "ItemOperations:Fetch", Node("ItemOperations:Store", "Mailbox"), *content)),
            multipart=multipart)
        fetch = tree.find("ItemOperations:Response/ItemOperations:Fetch")
        status = fetch.text("ItemOperations:Status") if fetch else tree.text("ItemOperations:Status")
        if fetch is None or status != "1":
            raise EasError("ItemOperations: Status %s" % status, status=int(status))
        return tree, fetch

    def fetch(self, folder, item, body_type=1, truncation=None, mime=0, multipart=False, range_=None):
        options = [Node("AirSync:MIMESupport", str(mime))]
        if range_:
            options.append(Node("ItemOperations:Range", range_))
        pref = [Node("AirSyncBase:Type", str(body_type))]
        if truncation is not None:
            pref.append(Node("AirSyncBase:TruncationSize", str(truncation)))
        options.append(Node("AirSyncBase:BodyPreference", *pref))
        tree, fetch = self._fetch(
            Node("AirSync:CollectionId", folder), Node("AirSync:ServerId", item),
            Node("ItemOperations:Options", *options), multipart=multipart)
        got = self.item(fetch)
        part = fetch.text("ItemOperations:Properties/AirSyncBase:Body/ItemOperations:Part")
        if part is not None:
            got["body"] = tree.parts[int(part)]
        return got

    def fetch_mime(self, folder, item):
        """The message, byte for byte."""
        return self.fetch(folder, item, body_type=4, mime=2)["body"]

    def fetch_attachment(self, reference, range_=None, multipart=False):
        content = [Node("AirSyncBase:FileReference", reference)]
        if range_:
            content.append(Node("ItemOperations:Options", Node("ItemOperations:Range", range_)))
        tree, fetch = self._fetch(*content, multipart=multipart)
        part = fetch.text("ItemOperations:Properties/ItemOperations:Part")
        if part is not None:
            return tree.parts[int(part)]
        return base64.b64decode(fetch.text("ItemOperations:Properties/ItemOperations:Data", ""))

    def get_attachment(self, reference):
        """Of 12.1 and before: (bytes, Content-Type)."""
        status, headers, body = self.post("GetAttachment", b"", parameters={"AttachmentName": reference})
        if status != 200:
            raise EasError("GetAttachment: HTTP %d" % status, http=status, body=body)
        return body, headers.get("Content-Type")

    def hierarchy(self):
        """GetHierarchy of 12.1 and before, as foldersync() tells it."""
        tree = self.command("GetHierarchy", None)
        return [{"id": n.text("FolderHierarchy:ServerId"), "parent": n.text("FolderHierarchy:ParentId"),
                 "name": n.text("FolderHierarchy:DisplayName"),
                 "type": int(n.text("FolderHierarchy:Type"))} for n in tree.children]

    def sendmail(self, message, save=False, client_id=None):
        """Raises EasError with the Status when it was refused."""
        message = message.encode() if isinstance(message, str) else message
        if float(self.version) < 14:
            status, _, body = self.post("SendMail", message, content_type="message/rfc822", save=save)
            if status != 200:
                raise EasError("SendMail: HTTP %d" % status, http=status, body=body)
            return
        self.client_ids += 1
        parts = [Node("ComposeMail:ClientId", client_id or "%s-%d-%d" % (
            self.device_id[-8:], id(self) % 100000, self.client_ids))]
        if save:
            parts.append(Node("ComposeMail:SaveInSentItems"))
        tree = self.command("SendMail", Node("ComposeMail:SendMail", *parts,
                                             Node("ComposeMail:Mime", message)))
        if tree is not None:
            status = tree.text("ComposeMail:Status")
            raise EasError("SendMail: Status %s" % status, status=int(status))

    def smart(self, command, folder, item, message, client_id, save=False, replace=False):
        """SmartReply or SmartForward."""
        message = message.encode() if isinstance(message, str) else message
        if float(self.version) < 14:
            status, _, body = self.post(command, message, content_type="message/rfc822", save=save,
                                        parameters={"CollectionId": folder, "ItemId": item})
            if status != 200:
                raise EasError("%s: HTTP %d" % (command, status), http=status, body=body)
            return
        parts = [Node("ComposeMail:ClientId", client_id)]
        if save:
            parts.append(Node("ComposeMail:SaveInSentItems"))
        parts.append(Node("ComposeMail:Source", Node("ComposeMail:FolderId", folder),
                          Node("ComposeMail:ItemId", item)))
        if replace:
            parts.append(Node("ComposeMail:ReplaceMime"))
        tree = self.command(command, Node("ComposeMail:" + command, *parts,
                                          Node("ComposeMail:Mime", message)))
        if tree is not None:
            status = tree.text("ComposeMail:Status")
            raise EasError("%s: Status %s" % (command, status), status=int(status))

    def respond(self, folder, item, response, *more):
        """MeetingResponse: (Status, CalendarId)."""
        tree = self.command("MeetingResponse", Node("MeetingResponse:MeetingResponse", Node(
            "MeetingResponse:Request", Node("MeetingResponse:UserResponse", str(response)),
            Node("MeetingResponse:CollectionId", folder), Node("MeetingResponse:RequestId", item), *more)))
        result = tree.find("MeetingResponse:Result")
        return int(result.text("MeetingResponse:Status")), result.text("MeetingResponse:CalendarId")

    def move(self, item, source, target):
        """(status, new id)"""
        tree = self.command("MoveItems", Node("Move:MoveItems", Node(
            "Move:Move", Node("Move:SrcMsgId", item), Node("Move:SrcFldId", source),
            Node("Move:DstFldId", target))))
        answer = tree.find("Move:Response")
        return int(answer.text("Move:Status")), answer.text("Move:DstMsgId")

    def estimate(self, folder):
        """(status, count)"""
        tree = self.command("GetItemEstimate", Node("GetItemEstimate:GetItemEstimate", Node(
            "GetItemEstimate:Collections", Node(
                "GetItemEstimate:Collection",
                Node("AirSync:SyncKey", self.sync_keys.get(folder, "0")),
                Node("GetItemEstimate:CollectionId", folder)))))
        answer = tree.find("GetItemEstimate:Response")
        count = answer.text("GetItemEstimate:Collection/GetItemEstimate:Estimate")
        return int(answer.text("GetItemEstimate:Status")), None if count is None else int(count)
