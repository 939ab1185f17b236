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
    /// Lines of the terminal; 0 if that is not known.
    package var height = 0
    package var foreignCommands: [ForeignCommand] = []
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
