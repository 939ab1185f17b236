// SPDX-License-Identifier: Apache-2.0

/// One command: a row of the table that the command line, its help, the completions and the manual
/// pages are made of.
package struct Command: Sendable {
    /// Exit codes: 0 fine, 1 it could not be asked, 2 the answer is bad, or the command line is.
    package typealias Run = @Sendable (Invocation) throws(CLIFailure) -> ExitCode

    /// From the first word after `martlet`.
    package let words: [String]
    /// A few words without a full stop.
    package let synopsis: String
    /// What it does, in whole sentences.
    package let detail: String
    package let operands: Operands
    package let flags: [Flag]
    /// It asks a server: the flags that say where and how belong to it.
    package let asksServer: Bool
    /// What the body of an answer may have.
    package let answerBytesMax: Int
    package let run: Run

    package init(
        _ words: String, _ synopsis: String, detail: String = "", operands: Operands = .none,
        flags: [Flag] = [], asksServer: Bool = true, answerBytesMax: Int = 64 << 20,
        run: @escaping Run
    ) {
        self.words = words.split(separator: " ").map(String.init)
        self.synopsis = synopsis
        self.detail = detail
        self.operands = operands
        self.flags = flags
        self.asksServer = asksServer
        self.answerBytesMax = answerBytesMax
        self.run = run
    }

    package var name: String { words.joined(separator: " ") }

    /// Its own and those that every command of its kind has.
    package var allFlags: [Flag] {
        flags + (asksServer ? GeneralFlags.all : []) + [GeneralFlags.help]
    }
}

/// How a command ended.
package struct ExitCode: Equatable, Sendable {
    package let rawValue: Int32

    package static let fine = ExitCode(rawValue: 0)
    /// No server answered, or a file could not be read or written.
    package static let unable = ExitCode(rawValue: 1)
    /// It was asked, and the answer is bad or a refusal; or the command line is wrong.
    package static let refused = ExitCode(rawValue: 2)
}

/// Why a command did not do what was asked: one line, for who typed it.
package struct CLIFailure: Error, Equatable, Sendable {
    package let text: String
    package let exitCode: ExitCode

    package init(_ text: String, _ exitCode: ExitCode) {
        self.text = text
        self.exitCode = exitCode
    }

    /// The command line is wrong.
    package static func usage(_ text: String) -> CLIFailure { CLIFailure(text, .refused) }
}

/// A command that lives in another module and reads its own flags: it has its place in the tree.
package struct ForeignCommand: Sendable {
    package let words: [String]
    package let synopsis: String
    /// The names of its flags, for completions.
    package let flagNames: [String]
    package let help: String
    /// Gets the arguments that follow the words; returns the exit code.
    package let run: @Sendable ([String]) -> Int32

    package init(
        _ words: String, _ synopsis: String, flagNames: [String] = [], help: String,
        run: @escaping @Sendable ([String]) -> Int32
    ) {
        self.words = words.split(separator: " ").map(String.init)
        self.synopsis = synopsis
        self.flagNames = flagNames
        self.help = help
        self.run = run
    }
}

/// The flags that say which server to ask, and how.
package enum GeneralFlags {
    package static let help = Flag("help", .onOff, "Shows this text.")

    package static let all: [Flag] = [
        Flag(
            "address", .text("ADDR"),
            "The server to ask: http://HOST:PORT, https://HOST:PORT, HOST:PORT or unix:PATH; several "
                + "with commas between: the next one is asked when one does not answer. Otherwise "
                + "NOMAD_ADDR, or http://127.0.0.1:4646."),
        Flag("region", .text("REGION"), "The region to ask about. Otherwise NOMAD_REGION."),
        Flag("namespace", .text("NAME"), "The namespace. Otherwise NOMAD_NAMESPACE."),
        Flag("token", .text("SECRET"), "The secret of an ACL token. Otherwise NOMAD_TOKEN."),
        Flag(
            "ca-cert", .file,
            "Certificates of the authorities to believe, in PEM. Otherwise NOMAD_CACERT."),
        Flag(
            "ca-path", .text("FOLDER"),
            "A folder of such files. Otherwise NOMAD_CAPATH."),
        Flag(
            "client-cert", .file,
            "The certificate to show to servers, in PEM. Otherwise NOMAD_CLIENT_CERT."),
        Flag("client-key", .file, "Its private key, in PEM. Otherwise NOMAD_CLIENT_KEY."),
        Flag(
            "tls-server-name", .text("NAME"),
            "The name that the server's certificate must have, instead of the address's. Otherwise "
                + "NOMAD_TLS_SERVER_NAME."),
        Flag(
            "tls-skip-verify", .onOff,
            "Believe any certificate: whoever is in between can read and change everything. "
                + "Otherwise NOMAD_SKIP_VERIFY."),
        Flag(
            "timeout", .duration,
            "How long one request may take: 10s, or 10m for snapshots, if it is not given."),
        Flag("force-color", .onOff, "Colours, even if the output is not a terminal."),
        Flag("no-color", .onOff, "No colours. Otherwise NO_COLOR or NOMAD_CLI_NO_COLOR."),
    ]
}
