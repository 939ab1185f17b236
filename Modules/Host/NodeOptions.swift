// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletTransport

extension NodeCommand {
    package static let flagNames = [
        "servers", "driver", "raw-exec", "data-dir", "count", "name", "datacenter", "node-class",
        "node-pool", "cpu",
        "memory", "disk", "meta", "attribute", "ca-cert", "client-cert", "client-key",
        "tls-server-name", "help",
    ]

    package static let help = """
        Usage: martlet node run -driver mock [options]
               martlet node run -raw-exec -data-dir=<folder> [options]

          Registers one or many nodes with the servers, keeps them alive, and runs what is
          placed on them until SIGINT or SIGTERM.

          With the driver "mock" nothing really runs: a task says in its config what becomes
          of it (start_delay, run_for, exit_code, fail_at, kill_after), and one process can be
          ten thousand nodes.

          With -raw-exec, commands of tasks run as the user of this process, and nothing keeps
          them from what that user may do. They run on when this process ends, and are taken
          up again by the next with the same folder.

        Options:

          -servers=<ip:port,...>   HTTP interfaces of servers, any of them (127.0.0.1:4646)
          -driver=<name>           What runs tasks: mock or raw_exec
          -raw-exec                Allows the driver raw_exec, which then is the default
          -data-dir=<folder>       What raw_exec keeps: tasks, their output, who the node is
          -count=<n>               How many nodes, with the driver mock (1)
          -name=<text>             What the node is called, or what the names of many begin with
          -datacenter=<text>       Where it is (dc1)
          -node-class=<text>       Of what class it is (none)
          -node-pool=<text>        In what pool it is (default)
          -cpu=<MHz>               What it has (4000; with raw_exec, what the machine has)
          -memory=<MB>             What it has (8192; the same)
          -disk=<MB>               What it has (51200; what is free for the folder)
          -meta=<key=value>        Metadata; may be repeated
          -attribute=<key=value>   An attribute; may be repeated

          -ca-cert=<file>          Certificates of the authorities to believe; speaks TLS
          -client-cert=<file>      The certificate to show to servers
          -client-key=<file>       Its key
          -tls-server-name=<name>  The name in the servers' certificates (server.global.nomad)

        """
}

/// What the command line of `martlet node run` says.
struct NodeOptions: Equatable {
    enum Driver: String, Equatable, CaseIterable {
        case mock
        case rawExec = "raw_exec"
    }

    static let nodesMax = 10_000

    var servers: [SocketAddress] = []
    var driver = Driver.mock
    var dataFolder: String?
    var count = 1
    var name = ""
    var datacenter = "dc1"
    var nodeClass = ""
    var nodePool = Job.nodePoolDefault
    /// nil for what the driver makes of it.
    var cpu: Int?
    var memoryMB: Int?
    var diskMB: Int?
    var meta = StringMap()
    var attributes = StringMap()
    var security: NodeSecurity?
    var wantsHelp = false

    init(_ arguments: [String]) throws(ConfigurationFailure) {
        var reader = FlagReader(arguments, known: NodeCommand.flagNames + ["h"])
        var given = Given()
        while let flag = try reader.next() { try take(flag, &reader, &given) }
        guard !wantsHelp else { return }
        driver = try given.checkedDriver()
        if driver == .rawExec { try checkExec() }
        if servers.isEmpty { servers = try Self.servers("127.0.0.1:4646") }
        try security?.check()
    }

    private struct Given {
        var driver: Driver?
        var allowsExec = false

        func checkedDriver() throws(ConfigurationFailure) -> Driver {
            switch (driver, allowsExec) {
            case (nil, false):
                throw FlagReader.wrong("-driver mock or -raw-exec: one of them is needed")
            case (.rawExec, false):
                throw FlagReader.wrong(
                    "-driver raw_exec runs any command as this user: -raw-exec allows it")
            case (.mock, true):
                throw FlagReader.wrong("-raw-exec is of no use with -driver mock")
            case (.mock, false): return .mock
            case (nil, true), (.rawExec, true): return .rawExec
            }
        }
    }

    private func checkExec() throws(ConfigurationFailure) {
        guard dataFolder != nil else { throw FlagReader.wrong("-raw-exec needs -data-dir") }
        guard count == 1 else { throw FlagReader.wrong("-count is for -driver mock") }
    }

    private mutating func take(
        _ flag: FlagReader.Flag, _ reader: inout FlagReader, _ given: inout Given
    ) throws(ConfigurationFailure) {
        let amounts = 0...SchedulingBounds.amountMax
        switch flag.name {
        case "servers": servers += try Self.servers(try reader.value(of: flag))
        case "driver": given.driver = try Self.driver(try reader.value(of: flag))
        case "raw-exec": given.allowsExec = try flag.isOn()
        case "data-dir": dataFolder = try reader.value(of: flag)
        case "count": count = try reader.number(of: flag, 1...Self.nodesMax)
        case "name": name = try reader.shortText(of: flag)
        case "datacenter": datacenter = try reader.shortText(of: flag)
        case "node-class": nodeClass = try reader.shortText(of: flag)
        case "node-pool": nodePool = try reader.shortText(of: flag)
        case "cpu": cpu = try reader.number(of: flag, amounts)
        case "memory": memoryMB = try reader.number(of: flag, amounts)
        case "disk": diskMB = try reader.number(of: flag, amounts)
        case "meta": try reader.addPair(of: flag, to: &meta)
        case "attribute": try reader.addPair(of: flag, to: &attributes)
        case "help", "h": wantsHelp = true
        default:
            var security = security ?? NodeSecurity()
            security.set(flag.name, try reader.value(of: flag))
            self.security = security
        }
    }

    private static func driver(_ text: String) throws(ConfigurationFailure) -> Driver {
        guard let driver = Driver(rawValue: text) else {
            let known = Driver.allCases.map(\.rawValue).joined(separator: " or ")
            throw FlagReader.wrong("-driver: \(quoted(text)) is not \(known)")
        }
        return driver
    }

    private static func servers(_ text: String) throws(ConfigurationFailure) -> [SocketAddress] {
        var servers: [SocketAddress] = []
        for part in text.split(separator: ",") {
            guard let server = SocketAddress(part) else {
                throw FlagReader.wrong("-servers: \(quoted(String(part))) is no ip:port")
            }
            servers.append(server)
        }
        return servers
    }
}

extension FlagReader {
    /// As long as names of nodes may be.
    fileprivate mutating func shortText(of flag: Flag) throws(ConfigurationFailure) -> String {
        let text = try value(of: flag)
        // What is put behind the names of many is short.
        guard text.utf8.count <= SchedulingBounds.nameBytesMax - 8 else {
            throw Self.wrong(
                "-\(flag.name): longer than \(SchedulingBounds.nameBytesMax - 8) bytes")
        }
        return text
    }

    fileprivate mutating func addPair(
        of flag: Flag, to map: inout StringMap
    ) throws(ConfigurationFailure) {
        let text = try value(of: flag)
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw Self.wrong("-\(flag.name): \(quoted(text)) is not key=value")
        }
        map[String(text[..<equals])] = String(text[text.index(after: equals)...])
    }
}

/// How the node's connections to the servers are secured.
struct NodeSecurity: Equatable {
    private static let fileBytesMax = 1 << 20

    var authoritiesPath: String?
    var certificatePath: String?
    var keyPath: String?
    var serverName = "server.global.nomad"

    fileprivate mutating func set(_ name: String, _ value: String) {
        switch name {
        case "ca-cert": authoritiesPath = value
        case "client-cert": certificatePath = value
        case "client-key": keyPath = value
        default: serverName = value
        }
    }

    fileprivate func check() throws(ConfigurationFailure) {
        guard (certificatePath == nil) == (keyPath == nil) else {
            throw FlagReader.wrong("-client-cert and -client-key go together: one is missing")
        }
    }

    var policy: SecurityPolicy {
        var policy = SecurityPolicy()
        policy.asksClients = false
        policy.peerName = serverName
        policy.use = .client
        return policy
    }

    func material(_ files: any Files) throws(ConfigurationFailure) -> SecurityMaterial {
        SecurityMaterial(
            certificates: try Self.read(certificatePath, files),
            key: try Self.read(keyPath, files),
            authorities: try Self.read(authoritiesPath, files))
    }

    private static func read(
        _ path: String?, _ files: any Files
    ) throws(ConfigurationFailure) -> [UInt8] {
        guard let path else { return [] }
        do throws(FileError) {
            return try files.read(path, limitBytes: fileBytesMax)
        } catch {
            throw ConfigurationFailure(text: "\(error)", exitCode: 1)
        }
    }
}
