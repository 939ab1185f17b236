// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// `dev`: a cluster to play with.
enum DevCommand {
    static let all = [
        Command(
            "dev", "starts a cluster on this machine, to try things out",
            detail: "Starts servers of this program, each a process of its own, on 127.0.0.1, and "
                + "shows how they do. Keys, or lines of the standard input when that is no terminal, "
                + "kill, pause and restart a server, cut it off from the others, show its log, and "
                + "end everything: h lists them. Without -data-dir all data is in a temporary "
                + "folder, which is removed at the end.",
            flags: [
                Flag("servers", .count, "How many, 1 to 7; 3."),
                Flag(
                    "data-dir", .text("FOLDER"),
                    "Keeps the data there; it is used again at the next start."),
                Flag(
                    "http-port", .count,
                    "Port of the first server's HTTP API; every server takes five ports from its "
                        + "own on, the next one ten further on. Otherwise the first that are free "
                        + "from 4646 on."),
            ], asksServer: false, run: run)
    ]

    private static let portRange: ClosedRange<UInt64> = 1024...65_000

    private static let run: Command.Run = { (invocation) throws(CLIFailure) in
        let environment = invocation.environment
        let values = invocation.values
        let count = values.count("servers") ?? 3
        guard (1...UInt64(DevPlan.serversMax)).contains(count) else {
            throw .usage("-servers must be 1 to \(DevPlan.serversMax)")
        }
        let first = values.count("http-port")
        guard first.map(portRange.contains) ?? true else {
            throw .usage("-http-port must be \(portRange.lowerBound) to \(portRange.upperBound)")
        }
        guard let machine = environment.devMachine, let executable = machine.executable else {
            throw CLIFailure(
                "this program's own file is not known: it cannot start servers", .unable)
        }
        let given = try values.text("data-dir").map { (path) throws(CLIFailure) in
            try absolute(path, in: machine.workingDirectory)
        }
        let network = machine.makeNetwork()
        let folder = try DevFolder(
            given, servers: Int(count), environment, temporaryIn: machine.temporaryDirectory)
        let code: ExitCode
        do throws(CLIFailure) {
            let plans = try plan(Int(count), first, folder, network)
            try folder.write(plans)
            code = try turn(
                DevRun(
                    plans, network, machine, executable: executable, environment,
                    invocation.style), network)
        } catch {
            _ = folder.close()
            throw error
        }
        invocation.line(folder.close())
        return code
    }

    private static func plan(
        _ count: Int, _ first: UInt64?, _ folder: DevFolder, _ network: DevNetwork
    ) throws(CLIFailure) -> [DevServerPlan] {
        let ports = DevPorts(network)
        return try DevPlan.make(
            servers: count, in: folder.path,
            from: first.map { UInt16($0) } ?? DevPlan.firstPort, isFixed: first != nil,
            isTaken: ports.isTaken)
    }

    /// Turns the loop until everything has ended.
    private static func turn(_ run: DevRun, _ network: DevNetwork) throws(CLIFailure) -> ExitCode {
        var code = ExitCode.unable
        var failure: CLIFailure?
        network.network.perform { done in
            do throws(CLIFailure) {
                try run.begin { ended in
                    code = ended
                    done()
                }
            } catch {
                failure = error
                done()
            }
        }
        if let failure { throw failure }
        return code
    }

    /// A path that a server, too, can be given.
    static func absolute(_ path: String, in here: String?) throws(CLIFailure) -> String {
        guard !path.isEmpty else { throw .usage("-data-dir wants the path of a folder") }
        if path.hasPrefix("/") { return path }
        guard let here else {
            throw .usage("-data-dir must be an absolute path, such as /tmp/dev")
        }
        return here == "/" ? "/\(path)" : "\(here)/\(path)"
    }
}

/// Looks whether ports can be had.
private final class DevPorts {
    private let streams: any Streams
    private let datagrams: any Datagrams

    init(_ network: DevNetwork) {
        streams = network.network.makeStreams()
        datagrams = network.datagrams
    }

    /// By taking it, for a moment: for streams, and for datagrams, which gossip needs as well.
    func isTaken(_ port: UInt16) -> Bool {
        let address = DevServerPlan.address(port)
        do throws(TransportError) {
            try streams.listen(on: address) { $0.reset() }.close()
            try datagrams.bind(to: address) { _, _ in }.close()
            return false
        } catch {
            return true
        }
    }
}
