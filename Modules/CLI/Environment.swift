// SPDX-License-Identifier: Apache-2.0
package import MartletStorage
package import MartletTransport

/// All that a command has of the world. Nothing in this module looks anywhere else.
package struct CLIEnvironment: Sendable {
    /// Of the process; nil if it is not set.
    package var variable: @Sendable (String) -> String?
    package var isTerminal: Bool
    /// Columns of the terminal.
    package var width: Int
    package var writeOutput: @Sendable ([UInt8]) -> Void
    package var writeError: @Sendable (String) -> Void
    /// All of standard input, or nil when it is longer than the limit or cannot be read.
    package var readInput: @Sendable (_ limitBytes: Int) -> [UInt8]?
    package var wallClockNanoseconds: @Sendable () -> Int64
    package var files: any Files
    package var crypto: any Crypto
    package var compression: any Compression
    /// Called at most once, by a command that asks a server.
    package var makeNetwork: @Sendable () -> CLINetwork
    /// Opens the stores of a data folder that is locked. Blocks.
    package var openStores: @Sendable (_ directory: String) throws(StoreError) -> ServerStores
    /// Of this program.
    package var version: String
    /// nil where no servers can be started.
    package var devMachine: DevMachine?
    /// Lines of the terminal; 0 if that is not known.
    package var height = 0
    package var foreignCommands: [ForeignCommand] = []
    /// What the doctor sees of this machine; nil where nothing is to be seen.
    package var machine: LocalMachine?
    /// Whether nobody reads the output any more: what would go on for ever ends then.
    package var isOutputClosed: @Sendable () -> Bool = { false }

    package init(
        variable: @escaping @Sendable (String) -> String?, isTerminal: Bool, width: Int,
        writeOutput: @escaping @Sendable ([UInt8]) -> Void,
        writeError: @escaping @Sendable (String) -> Void,
        readInput: @escaping @Sendable (Int) -> [UInt8]?,
        wallClockNanoseconds: @escaping @Sendable () -> Int64, files: any Files,
        crypto: any Crypto, compression: any Compression,
        makeNetwork: @escaping @Sendable () -> CLINetwork,
        openStores: @escaping @Sendable (String) throws(StoreError) -> ServerStores,
        version: String
    ) {
        self.variable = variable
        self.isTerminal = isTerminal
        self.width = width
        self.writeOutput = writeOutput
        self.writeError = writeError
        self.readInput = readInput
        self.wallClockNanoseconds = wallClockNanoseconds
        self.files = files
        self.crypto = crypto
        self.compression = compression
        self.makeNetwork = makeNetwork
        self.openStores = openStores
        self.version = version
    }

    /// The value of `NOMAD_x` or `MARTLET_x`; the latter goes first. Empty ones do not count.
    func setting(_ name: String) -> String? {
        for prefix in ["MARTLET_", "NOMAD_"] {
            if let value = variable(prefix + name), !value.isEmpty { return value }
        }
        return nil
    }
}

/// How a command reaches servers: commands block, a loop does not.
package struct CLINetwork: Sendable {
    package var loop: any Loop
    package var makeStreams: @Sendable () -> any Streams
    package var security: any StreamSecurity
    /// Calls `body` on the loop, and turns the loop until `body`'s argument was called.
    package var perform: @Sendable (_ body: (_ done: @escaping () -> Void) -> Void) -> Void
    /// On the loop: has this process tell when it is asked to end, instead of ending.
    package var onStop: @Sendable (_ told: @escaping () -> Void) -> Void = { _ in }

    package init(
        loop: any Loop, makeStreams: @escaping @Sendable () -> any Streams,
        security: any StreamSecurity,
        perform: @escaping @Sendable (_ body: (_ done: @escaping () -> Void) -> Void) -> Void
    ) {
        self.loop = loop
        self.makeStreams = makeStreams
        self.security = security
        self.perform = perform
    }
}

/// This machine, as far as it concerns a server on it.
package struct LocalMachine: Sendable {
    /// Of the file system of a folder; nil if that cannot be known.
    package var space: @Sendable (_ folder: String) -> (freeBytes: UInt64, totalBytes: UInt64)?
    /// For spans of time.
    package var monotonicNanoseconds: @Sendable () -> Int64
    /// What an agent would run with: the settings as `config explain -json` prints them; or what is
    /// wrong, a line each.
    package var configuration: @Sendable (_ paths: [String]) -> (settings: String, problems: String)
    package var certificates: any Certificates

    package init(
        space: @escaping @Sendable (String) -> (freeBytes: UInt64, totalBytes: UInt64)?,
        monotonicNanoseconds: @escaping @Sendable () -> Int64,
        configuration: @escaping @Sendable ([String]) -> (settings: String, problems: String),
        certificates: any Certificates
    ) {
        self.space = space
        self.monotonicNanoseconds = monotonicNanoseconds
        self.configuration = configuration
        self.certificates = certificates
    }
}
