// SPDX-License-Identifier: Apache-2.0
//
// The host executable: picks the plugins and hands them to Host.
import Glibc
import MartletHost
import MartletLMDB
import MartletMemory
import MartletStorage
import MartletTLS
import MartletTransport
import MartletUV
import MartletZlib

func write(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    var written = 0
    while written < bytes.count {
        // SAFETY: the pointer is used within the closure only, for the bytes that are left.
        let count = unsafe bytes[written...].withUnsafeBytes {
            unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
        }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return }
        written += count
    }
}

func hostName() -> String {
    var name = [CChar](repeating: 0, count: 256)
    // SAFETY: the last byte stays 0, whatever is written before it.
    guard unsafe gethostname(&name, name.count - 1) == 0 else { return "martlet" }
    return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}

func environment(_ name: String) -> String? {
    // SAFETY: the string is copied at once, and nothing here changes the environment.
    unsafe getenv(name).map { unsafe String(cString: $0) }
}

func stores(
    _ backend: AgentConfiguration.StorageBackend, _ directory: String
) throws(StoreError) -> ServerStores {
    switch backend {
    case .lmdb:
        let storage = try LMDBStorage.open(directory: directory)
        return .init(
            log: storage.log, metadata: storage.metadata, snapshots: storage.snapshots,
            close: { storage.close() })
    case .memory:
        let disk = MemoryDisk()
        return .init(
            log: MemoryLogStore(disk: disk), metadata: MemoryMetadataStore(disk: disk),
            snapshots: MemorySnapshotStore(disk: disk), close: {})
    }
}

func plugins() -> HostPlugins {
    let loop = UVLoop()
    return HostPlugins(
        loop: loop,
        runLoop: {
            loop.run()
            loop.shutDown()
        }, stopLoop: { loop.stop() },
        makeStreams: { UVStreams(loop: loop) }, makeDatagrams: { UVDatagrams(loop: loop) },
        makeProcesses: { UVProcesses(loop: loop) }, crypto: OpenSSLCrypto(),
        security: OpenSSLSecurity(), certificates: OpenSSLCertificates(),
        compression: ZlibCompression(), files: UVFiles(),
        openStores: stores, writeOutput: { write($0, to: 1) }, writeError: { write($0, to: 2) },
        hostName: hostName(), temporaryDirectory: environment("TMPDIR") ?? "/tmp")
}

let usage = """
    usage: martlet agent [flags]           run a server; 'martlet agent -h' lists the flags
           martlet config validate PATH    check configuration files; 'config explain' shows
                                           every setting and where it was set
           martlet operator raft recover   recover from a lost quorum; '-h' explains
           martlet operator gossip keyring generate
                                           make a key that seals gossip
           martlet audit verify FOLDER     follow the chain of an audit log; '-h' explains
           martlet tls ca|cert create      make an authority, and certificates by it; '-h' explains
           martlet version                 print the version

    """

// What is created is the owner's alone, whoever starts this.
umask(0o077)
let arguments = Array(SecretFlags.takeArguments().dropFirst())
switch arguments.first {
case "agent":
    var plugins = plugins()
    plugins.descriptorLimit = UVProcesses.raiseDescriptorLimit()
    exit(Agent.run(arguments: Array(arguments.dropFirst()), plugins: plugins))
case "config":
    exit(ConfigCommand.run(arguments: Array(arguments.dropFirst()), plugins: plugins()))
case "operator" where arguments.dropFirst().prefix(2) == ["raft", "recover"]:
    exit(RecoverCommand.run(arguments: Array(arguments.dropFirst(3)), plugins: plugins()))
case "operator" where arguments.dropFirst().prefix(3) == ["gossip", "keyring", "generate"]:
    exit(KeygenCommand.run(arguments: Array(arguments.dropFirst(4)), plugins: plugins()))
case "operator" where arguments.dropFirst().first == "keygen":
    exit(KeygenCommand.run(arguments: Array(arguments.dropFirst(2)), plugins: plugins()))
case "audit" where arguments.dropFirst().first == "verify":
    exit(AuditCommand.run(arguments: Array(arguments.dropFirst(2)), plugins: plugins()))
case "tls":
    exit(TLSCommand.run(arguments: Array(arguments.dropFirst()), plugins: plugins()))
case "version", "-version", "--version", "-v":
    write("Martlet v\(Agent.version)\n", to: 1)
case "-h", "-help", "--help", "help":
    write(usage, to: 1)
case "operator":
    write("unknown command '\(arguments.joined(separator: " "))'\n\(usage)", to: 2)
    exit(2)
case let other:
    write(other.map { "unknown command '\($0)'\n" } ?? "", to: 2)
    write(usage, to: 2)
    exit(2)
}
