// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletTransport

extension NodeOptions {
    /// With fresh ids, and one secret for all.
    func mockNodes(_ crypto: any Crypto) throws(ConfigurationFailure) -> [Node] {
        let secret = try UniqueID.make(by: crypto)
        let stem = name.isEmpty ? "mock" : name
        var nodes: [Node] = []
        for number in 0..<count {
            let own = count == 1 && !name.isEmpty ? name : "\(stem)-\(number)"
            nodes.append(
                node(id: try UniqueID.make(by: crypto), secret: secret, name: own, driver: "mock"))
        }
        return nodes
    }

    func node(id: UniqueID, secret: UniqueID, name: String, driver: String) -> Node {
        var node = Node(
            id: id, secretID: secret, name: name, datacenter: datacenter,
            resources: NodeResources(
                cpu: cpu ?? 4000, memoryMB: memoryMB ?? 8192, diskMB: diskMB ?? 51_200))
        node.nodeClass = nodeClass
        node.nodePool = nodePool
        node.meta = meta
        node.attributes = attributes
        node.attributes["driver.\(driver)"] = "1"
        node.status = .ready
        node.drivers[driver] = DriverState()
        return node
    }
}

extension UniqueID {
    /// A random one (RFC 9562 §5.4).
    static func make(by crypto: any Crypto) throws(ConfigurationFailure) -> UniqueID {
        do throws(CryptoError) {
            let bytes = try crypto.secureRandomBytes(16)
            var words: (high: UInt64, low: UInt64) = (0, 0)
            for byte in bytes[0..<8] { words.high = words.high << 8 | UInt64(byte) }
            for byte in bytes[8..<16] { words.low = words.low << 8 | UInt64(byte) }
            return UniqueID(
                high: words.high & ~0xF000 | 0x4000, low: words.low & ~(3 << 62) | 2 << 62)
        } catch {
            throw ConfigurationFailure(text: "no random bytes for an id: \(error)", exitCode: 1)
        }
    }
}

extension NodeOptions {
    func folder(
        _ plugins: HostPlugins, _ machine: NodeMachine
    ) throws(ConfigurationFailure) -> NodeFolder {
        guard let given = dataFolder else { preconditionFailure("checked with the command line") }
        if given.hasPrefix("/") { return try NodeFolder(given, plugins) }
        // Supervisors and tasks run elsewhere.
        guard let here = machine.workingDirectory else {
            throw ConfigurationFailure(
                text: "-data-dir: the working directory is gone: an absolute path is needed",
                exitCode: 1)
        }
        return try NodeFolder("\(here)/\(given)", plugins)
    }

    /// The machine as a node, with what the command line says of it.
    func node(in folder: NodeFolder, _ plugins: HostPlugins, _ machine: NodeMachine) -> Node {
        let facts = MachineFacts(plugins.files)
        let free = machine.diskFreeBytes(folder.path).map { Int(clamping: $0 >> 20) }
        var known = self
        known.cpu = cpu ?? facts.cpu
        known.memoryMB = memoryMB ?? facts.memoryMB
        known.diskMB = min(diskMB ?? free ?? 51_200, SchedulingBounds.amountMax)
        var node = known.node(
            id: folder.id, secret: folder.secret, name: name.isEmpty ? plugins.hostName : name,
            driver: Driver.rawExec.rawValue)
        node.resources.totalCores = facts.cores ?? 0
        let found = [
            ("cpu.arch", Self.architecture), ("kernel.name", "linux"),
            ("unique.hostname", plugins.hostName), ("cpu.numcores", facts.cores.map { "\($0)" }),
        ]
        for (key, value) in found where node.attributes[key] == nil { node.attributes[key] = value }
        return node
    }

    private static var architecture: String? {
        #if arch(x86_64)
            "amd64"
        #elseif arch(arm64)
            "arm64"
        #else
            nil
        #endif
    }
}
