// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import MartletRaft

/// `/v1/agent/monitor`: the log of a server as it is written.
extension Server {
    /// Of this server, or of another that is asked in turn.
    func monitor(_ call: Call, _ respond: @escaping (APIResponse) -> Void) {
        guard case .monitor(let wish) = call.wish else {
            preconditionFailure("a monitor that was not read")
        }
        guard let name = wish.server, !isNamed(name) else {
            return respond(monitorHere(call, wish))
        }
        guard let peer = server(named: name) else {
            if name == "leader" { return respond(noLeader(call)) }
            return respond(.text(404, "No server is known by the name of \(name.prefix(256))"))
        }
        guard network.canPassStreams(to: peer) else {
            return respond(
                .text(
                    503,
                    "server \(name.prefix(256)) cannot be reached from here: ask it itself"))
        }
        counters.forwardsSent += 1
        network.passStream(call.request, of: call.caller.credential, to: peer) { result in
            switch result {
            case .replied(.answered(let response)): respond(response)
            case .replied(.notLeader), .notSent, .lost:
                respond(.text(503, "server \(name.prefix(256)) did not answer"))
            }
        }
    }

    /// Asked for by another server, by this one's name.
    func serveMonitor(_ call: Call, _ reply: @escaping (ForwardReply) -> Void) {
        guard case .monitor(let wish) = call.wish else {
            preconditionFailure("a monitor that was not read")
        }
        guard wish.server.map(isNamed) != false else {
            return reply(.answered(.text(404, "asked of another server")))
        }
        reply(.answered(monitorHere(call, wish)))
    }

    /// By id, by name, with or without the region, or as the leader.
    private func isNamed(_ name: String) -> Bool {
        if name == "leader" { return replica.outlook.status.role == .leader }
        return name == "\(id)" || name == options.name || name == network.own.fullName
    }

    private func server(named name: String) -> ServerID? {
        if name == "leader" { return replica.outlook.status.leader }
        return network.members.all.first {
            name == "\($0.info.id)" || name == $0.info.name || name == $0.info.fullName
        }?.info.id
    }

    private func monitorHere(_ call: Call, _ wish: MonitorRequest) -> APIResponse {
        guard let watch = options.logWatch else {
            return .text(501, "the log of this server cannot be watched")
        }
        guard let number = watch.open(wish.level, wish.form) else {
            var response = APIResponse.text(503, "Too many watch this log: try again in a second")
            response.retryAfter = 1
            return response
        }
        let source = LiveSource(
            loop: loop, heartbeat: wish.isPlain ? [] : Array("{}\n".utf8),
            poll: {
                let lines = watch.take(number)
                return wish.isPlain || lines.isEmpty ? lines : Self.frame(lines)
            },
            refusal: { [weak self] in self?.refusalNow(of: call) },
            closed: { watch.close(number) })
        return .stream(
            StreamedBody(source: source, isLive: true), as: wish.isPlain ? .text : .json)
    }

    /// Why a caller may not go on with what it was once let in for, by this server's tables.
    func refusalNow(of call: Call) -> String? {
        guard !isStopped else { return "the server is stopping" }
        guard case .refused(let refusal) = judge(call) else { return nil }
        return refusal.auditText
    }

    private struct MonitorFrame: JSONWritable {
        let data: [UInt8]

        func write(to writer: inout JSONWriter) {
            writer.beginObject()
            writer.member("Data", Base64.encoded(data))
            writer.endObject()
        }
    }

    private static func frame(_ lines: [UInt8]) -> [UInt8] {
        JSONWriter.encode(MonitorFrame(data: lines)) + [UInt8(ascii: "\n")]
    }
}
