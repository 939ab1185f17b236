// SPDX-License-Identifier: Apache-2.0
import MartletJSON
import MartletTransport

/// One server of `martlet dev`: where it listens, what the others are told, and its files.
///
/// What others send to the advertised ports comes to the program that started it, which passes it on
/// to the ports that the server has bound. That is how a server can be cut off without anything in
/// it that knows of this:
///
///     s2 ──▶ 127.0.0.1:4647, advertised by s1 ──▶ dev ──▶ 127.0.0.1:4649, bound by s1
struct DevServerPlan: Equatable {
    /// From 1 on.
    let number: Int
    let http: UInt16
    /// Of the data folder of all.
    let directory: String

    /// The ports of one server, from its HTTP API's on.
    static let portCount: UInt16 = 5

    var name: String { "s\(number)" }
    /// Advertised; `martlet dev` listens there.
    var peer: UInt16 { http + 1 }
    var gossip: UInt16 { http + 2 }
    /// The server listens there.
    var boundPeer: UInt16 { http + 3 }
    var boundGossip: UInt16 { http + 4 }

    var url: String { "http://\(Self.address(http))" }
    var dataDirectory: String { "\(directory)/\(name)" }
    var configurationPath: String { "\(directory)/\(name).json" }
    var logPath: String { "\(directory)/\(name).log" }

    static func address(_ port: UInt16) -> SocketAddress { .ipv4(0x7F00_0001, port: port) }

    /// What `martlet` is started with.
    var arguments: [String] { ["agent", "-config=\(configurationPath)", "-stop-on-eof"] }

    /// The agent's configuration, a file like any other.
    func configuration(among servers: [DevServerPlan]) -> [UInt8] {
        JSONWriter.encode(Configuration(plan: self, servers: servers), pretty: true)
    }

    private struct Configuration: JSONWritable {
        let plan: DevServerPlan
        let servers: [DevServerPlan]

        func write(to writer: inout JSONWriter) {
            writer.beginObject()
            writer.member("name", plan.name)
            writer.member("data_dir", plan.dataDirectory)
            writer.member("bind_addr", "127.0.0.1")
            writer.key("ports")
            writer.beginObject()
            writer.member("http", UInt64(plan.http))
            writer.member("rpc", UInt64(plan.boundPeer))
            writer.member("serf", UInt64(plan.boundGossip))
            writer.endObject()
            writer.key("advertise")
            writer.beginObject()
            writer.member("rpc", "\(DevServerPlan.address(plan.peer))")
            writer.member("serf", "\(DevServerPlan.address(plan.gossip))")
            writer.endObject()
            writer.key("server")
            writer.beginObject()
            writer.member("enabled", true)
            writer.member("bootstrap_expect", UInt64(servers.count))
            writer.key("server_join")
            writer.beginObject()
            writer.member(
                "retry_join", servers.map { "\(DevServerPlan.address($0.gossip))" })
            writer.member("retry_interval", "1s")
            writer.endObject()
            writer.endObject()
            writer.endObject()
        }
    }
}

/// Which ports the servers of `martlet dev` get.
enum DevPlan {
    static let serversMax = 7
    static let firstPort: UInt16 = 4646
    /// From one server's ports to the next one's.
    static let stride: UInt16 = 10
    /// How many places are looked at for each server.
    private static let placesMax = 100

    /// The first places of five free ports each, every ten ports from `first` on.
    ///
    /// - Parameters:
    ///   - isFixed: no place may be passed over: somebody counts on these ports.
    ///   - isTaken: asked of each port, in order; the first that is taken ends its place.
    /// - Throws: exit code 1 when the ports do not suffice.
    static func make(
        servers count: Int, in directory: String, from first: UInt16, isFixed: Bool,
        isTaken: (UInt16) -> Bool
    ) throws(CLIFailure) -> [DevServerPlan] {
        var plans: [DevServerPlan] = []
        var place = Int(first)
        var looked = 0
        while plans.count < count {
            guard place + Int(DevServerPlan.portCount) <= 65_536, looked < placesMax else {
                throw CLIFailure(
                    "no free ports for \(count) servers from \(first) on: -http-port begins "
                        + "elsewhere", .unable)
            }
            looked += 1
            let http = UInt16(place)
            let ports = http...(http + DevServerPlan.portCount - 1)
            if let taken = ports.first(where: isTaken) {
                if isFixed {
                    throw CLIFailure(
                        "port \(taken) is taken: 'ss -ltnup sport = :\(taken)' names who has it; stop "
                            + "that, or begin elsewhere with -http-port", .unable)
                }
            } else {
                plans.append(
                    DevServerPlan(number: plans.count + 1, http: http, directory: directory))
            }
            place += Int(stride)
        }
        return plans
    }
}
