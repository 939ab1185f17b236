// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient

/// What one server answered, read into a picture. An answer that is missing, or is none, leaves its
/// part of the picture empty.
struct ServerAnswers {
    private(set) var server: ServerPicture
    private(set) var autopilot: AutopilotPicture?
    private typealias Said = (status: Int, text: String)
    /// Asked for itself.
    private var own: Said?
    private var policies: Said?

    /// - Parameter replies: to ``Enquiry``'s questions, in their order.
    init(_ address: ServerAddress, _ replies: [ServerConnection.Reply]) {
        server = ServerPicture(address: address.description)
        server.place = address
        server.isSecured = address.isSecured
        server.isLocal = address.isLocal
        if case .failure(let failure)? = replies.first?.result {
            server.failure = failure.text
            server.hint = failure.hint
            server.isHanging = failure.isTimeout
            return
        }
        readClock(replies)
        let answers = replies.map { Self.answer($0) }
        own = Self.said(replies[1])
        policies = Self.said(replies[5])
        do throws(CLIFailure) {
            if let answer = answers[1] { try readSelf(answer) }
            if let answer = answers[2] { try readMembers(answer) }
            if let answer = answers[3] { try readMetrics(answer) }
            if let answer = answers[4] { try readConfiguration(answer) }
            if let answer = answers[6] { autopilot = try Self.autopilot(answer) }
        } catch {
            server.failure = "\(address): \(error.text)"
        }
        if own?.status != 403, answers[1] == nil, answers[2] == nil { readStranger() }
    }

    /// HTTP is spoken by many: by a server that is asked too much, by a proxy with nobody behind it.
    private mutating func readStranger() {
        server.isStrange = true
        guard let (status, reason) = own else {
            server.failure = "\(server.address): it tells nothing of itself"
            server.hint = "once more; then journalctl -u martlet -n 50 on its machine"
            return
        }
        // A page for people says nothing that the status does not.
        let isPlain = !reason.isEmpty && !reason.hasPrefix("<")
        let said = "\(status)" + (isPlain ? " (\(reason))" : "")
        server.failure = "\(server.address): asked for itself it answers \(said)"
        switch status {
        case 429:
            server.hint = "wait, and ask again; who else asks it from here: ss -tnp"
        case 500...599:
            server.hint =
                "once more; then what is in between, and journalctl -u martlet -n 50 on its machine"
        default:
            server.hint =
                "this is something else: -address or NOMAD_ADDR names a server's HTTP port (4646)"
        }
    }

    /// What others told of it, where it does not tell itself.
    mutating func know(_ member: MemberPicture) {
        if server.name.isEmpty { server.name = server.failure == nil ? "" : member.name }
        if server.id.isEmpty { server.id = member.id }
    }

    func access(hasToken: Bool) -> ClusterPicture.Access {
        if let own, own.status == 403 {
            guard hasToken else { return .denied(.noToken) }
            return .denied(own.text.contains("token not found") ? .unknownToken : .mayNot)
        }
        guard let policies, own?.status == 200 else { return .unknown }
        return policies.status == 400 && policies.text.contains("ACL support disabled")
            ? .open : .guarded
    }

    private static func said(_ reply: ServerConnection.Reply) -> Said? {
        response(reply).map { ($0.status, Text.reason($0.body)) }
    }

    private static func response(_ reply: ServerConnection.Reply) -> ClientResponse? {
        guard case .success(let response) = reply.result else { return nil }
        return response
    }

    private static func answer(_ reply: ServerConnection.Reply) -> Answer? {
        guard let response = response(reply), response.status == 200 else { return nil }
        do throws(CLIFailure) {
            return try Answer(response, failing: "it cannot be understood")
        } catch {
            return nil
        }
    }

    // MARK: The clock

    private mutating func readClock(_ replies: [ServerConnection.Reply]) {
        var last: Int64?
        for reply in replies {
            guard let date = Self.response(reply)?.header("Date").flatMap(HeaderDate.unixSeconds)
            else { continue }
            if let last, date < last { server.clockWentBack = true }
            last = date
            let low = Double(date) - Double(reply.receivedNanoseconds) / 1e9
            let high = Double(date) + 1 - Double(reply.sentNanoseconds) / 1e9
            guard low <= high else { continue }
            guard let known = server.clock, known.overlaps(low...high) else {
                server.clock = low...high
                continue
            }
            server.clock = known.clamped(to: low...high)
        }
    }

    // MARK: Answers

    private mutating func readSelf(_ answer: Answer) throws(CLIFailure) {
        let member = try answer.required("member")
        server.name = member.text("Name")
        server.gossipAddress = Self.joined(member.text("Addr"), member.text("Port"))
        server.id = member["Tags"]?.text("id") ?? ""
        server.version = member["Tags"]?.text("build") ?? ""
        let stats = try answer.required("stats")
        let raft = stats["raft"]
        server.isLeader = stats["nomad"]?.text("leader") == "true"
        server.term = UInt64(raft?.text("term") ?? "") ?? 0
        server.cluster = raft?.text("cluster_id") ?? ""
        server.epoch = raft?.text("recovery_epoch") ?? ""
        server.isRecovering = raft?.text("is_recovering") == "true"
        server.isGossipSealed = stats["serf"]?.text("encrypted") == "true"
    }

    private mutating func readMembers(_ answer: Answer) throws(CLIFailure) {
        server.members = try answer.list("Members").map { member in
            let tags = member["Tags"]
            let host = member.text("Addr")
            var made = MemberPicture(
                name: member.text("Name"), id: tags?.text("id") ?? "", status: member.text("Status")
            )
            made.version = tags?.text("build") ?? ""
            made.protocolMin = member.count("ProtocolMin") ?? 1
            made.protocolMax = member.count("ProtocolMax") ?? 1
            made.httpAddress = tags?.text("http_addr") ?? ""
            made.gossipAddress = Self.joined(host, member.text("Port"))
            made.peerAddress = Self.joined(
                tags?.text("rpc_addr", default: host) ?? host, tags?.text("port") ?? "")
            return made
        }
    }

    private static func joined(_ host: String, _ port: String) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    private mutating func readMetrics(_ answer: Answer) throws(CLIFailure) {
        for gauge in try answer.list("Gauges") {
            let name = gauge.text("Name")
            guard let value = Double(gauge.text("Value")) else { continue }
            guard let labels = gauge["Labels"], !labels.text("peer_id").isEmpty else {
                server.gauges[name] = value
                continue
            }
            guard name == "nomad.raft.peer.last_contact_ms" else { continue }
            let id = labels.text("peer_id")
            server.contacts.append((id, labels.text("peer_name", default: id), value))
        }
        for sample in try answer.list("Samples") where sample.text("Name") == "nomad.raft.sync" {
            guard (sample.count("Count") ?? 0) > 0 else { continue }
            server.syncSinceStart = Double(sample.text("Mean"))
        }
        if let mean = server.gauges["nomad.raft.sync_recent_mean_ms"],
            let max = server.gauges["nomad.raft.sync_recent_max_ms"]
        {
            server.sync = (mean, max)
        }
    }

    private mutating func readConfiguration(_ answer: Answer) throws(CLIFailure) {
        server.configuration = try answer.list("Servers").map {
            PeerPicture(
                id: $0.text("ID"), name: $0.text("Node"), address: $0.text("Address"),
                isVoter: $0.isTrue("Voter"))
        }
    }

    private static func autopilot(_ answer: Answer) throws(CLIFailure) -> AutopilotPicture {
        var made = AutopilotPicture()
        made.failureTolerance = Int(clamping: answer.count("FailureTolerance") ?? 0)
        made.refused = try answer.list("Refused").map { $0.text("Text") }
        made.warnings = try answer.list("Warnings").map { ($0.text("Code"), $0.text("Text")) }
        let voters = try answer.list("Voters").map(\.text)
        for server in try answer.list("Servers") {
            if !server.isTrue("Healthy") {
                let reason = server["UnhealthyReason"]?.text("Text") ?? server.text("SerfStatus")
                made.unhealthy.append((server.text("ID"), server.text("Name"), reason))
            }
            let zone = server.text("Zone")
            guard !zone.isEmpty else { continue }
            let votes = server.isTrue("Healthy") && voters.contains(server.text("ID")) ? 1 : 0
            if let place = made.zones.firstIndex(where: { $0.zone == zone }) {
                made.zones[place].voters += votes
            } else {
                made.zones.append((zone, votes))
            }
        }
        return made
    }
}

/// Dates as header fields have them (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
enum HeaderDate {
    private static let months = [
        "Jan": "01", "Feb": "02", "Mar": "03", "Apr": "04", "May": "05", "Jun": "06",
        "Jul": "07", "Aug": "08", "Sep": "09", "Oct": "10", "Nov": "11", "Dec": "12",
    ]

    static func unixSeconds(_ text: String) -> Int64? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let month = months[String(words[2])],
            words[1].utf8.count == 2, words[3].utf8.count == 4
        else { return nil }
        return Timestamp.unixNanoseconds(
            rfc3339: "\(words[3])-\(month)-\(words[1])T\(words[4])Z"
        ).map { $0 / 1_000_000_000 }
    }
}

extension ServerAddress {
    /// Of this machine alone.
    var isLocal: Bool {
        switch place {
        case .unix: true
        case .host(let host, _):
            host.hasPrefix("127.") || ["localhost", "::1", "[::1]"].contains(host)
        }
    }
}
