// SPDX-License-Identifier: Apache-2.0
package import MartletTransport

/// What `martlet dev` needs of the machine beyond what every command has.
package struct DevMachine: Sendable {
    /// Everything on one loop. Called at most once.
    package var makeNetwork: @Sendable () -> DevNetwork
    /// The advertised peer address of the server that opened a connection, from its first bytes; nil
    /// while more are needed. Throws for what no server says.
    package var speaker: @Sendable (_ first: [UInt8]) throws(TransportError) -> SocketAddress?
    /// No server needs more bytes to say who it is.
    package var firstBytesMax: Int
    /// This program's file; nil if it is not known.
    package var executable: String?
    package var temporaryDirectory: String
    /// Where relative paths begin; nil if that is not known.
    package var workingDirectory: String?
    /// Whether keys come by the standard input.
    package var isInputTerminal: Bool
    /// Of the terminal, when it is asked.
    package var terminalSize: @Sendable () -> (columns: Int, lines: Int)

    package init(
        makeNetwork: @escaping @Sendable () -> DevNetwork,
        speaker: @escaping @Sendable ([UInt8]) throws(TransportError) -> SocketAddress?,
        firstBytesMax: Int, executable: String?, temporaryDirectory: String,
        workingDirectory: String?, isInputTerminal: Bool,
        terminalSize: @escaping @Sendable () -> (columns: Int, lines: Int)
    ) {
        self.makeNetwork = makeNetwork
        self.speaker = speaker
        self.firstBytesMax = firstBytesMax
        self.executable = executable
        self.temporaryDirectory = temporaryDirectory
        self.workingDirectory = workingDirectory
        self.isInputTerminal = isInputTerminal
        self.terminalSize = terminalSize
    }
}

package struct DevNetwork {
    package var network: CLINetwork
    package var datagrams: any Datagrams
    package var processes: any Processes

    package init(network: CLINetwork, datagrams: any Datagrams, processes: any Processes) {
        self.network = network
        self.datagrams = datagrams
        self.processes = processes
    }
}
