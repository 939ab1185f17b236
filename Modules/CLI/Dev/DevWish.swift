// SPDX-License-Identifier: Apache-2.0

/// What somebody wants of `martlet dev`.
enum DevWish: Equatable {
    /// To one server, by its number.
    enum Deed: Character, CaseIterable {
        case kill = "k"
        /// Stands still, or goes on.
        case pause = "p"
        case restart = "r"
        /// Cuts it off from the others, or lets it be heard again.
        case cut = "c"
        case log = "l"

        /// As in "which server to …?"
        var name: String {
            switch self {
            case .kill: "kill"
            case .pause: "pause or let go on"
            case .restart: "restart"
            case .cut: "cut off or heal"
            case .log: "show the log of"
            }
        }
    }

    case deed(Deed, server: Int)
    case status
    /// Of a screen: what happened takes the log's place again.
    case hideLog
    case help
    case quit

    static let summary = """
        k N  kill server N (SIGKILL)           r N  stop it in good order and start it again
        p N  pause it (SIGSTOP), or go on      c N  cut it off from the others, or heal it
        l N  its last log lines                s    how the cluster does
        h    this                              q    end all servers, and this

        """

    /// A line such as `k 2`, `k2` or `q`; nil for an empty one.
    ///
    /// - Throws: exit code 2 with what would be right.
    static func read(_ line: some StringProtocol, servers: Int) throws(CLIFailure) -> DevWish? {
        let words = line.split { $0 == " " || $0 == "\t" || $0 == "\r" }.joined()
        guard let letter = words.first else { return nil }
        let rest = words.dropFirst()
        if let wish = simple(letter), rest.isEmpty { return wish }
        guard let deed = Deed(rawValue: letter) else {
            throw .usage("'\(Text.clipped(line))' is no command: h lists them")
        }
        guard let number = Int(rest), (1...servers).contains(number), rest.first != "+" else {
            throw .usage(
                "'\(Text.clipped(line))' names no server: \(letter) and a number from 1 to "
                    + "\(servers)")
        }
        return .deed(deed, server: number)
    }

    fileprivate static func simple(_ letter: Character) -> DevWish? {
        switch letter {
        case "s": .status
        case "h", "?": .help
        case "q": .quit
        default: nil
        }
    }
}

/// Keys of a terminal, one after the other: a letter and, for what is done to a server, its number.
struct DevKeys {
    let servers: Int
    /// A letter whose number is still to come.
    private(set) var pending: DevWish.Deed?

    init(servers: Int) { self.servers = servers }

    /// What the screen says while a number is awaited; nil when none is.
    var question: String? {
        pending.map {
            "Which server to \($0.name)? 1" + (servers > 1 ? " to \(servers)" : "")
                + ", or any other key for none"
        }
    }

    /// - Parameters:
    ///   - bytes: as the terminal sent them. What a key such as an arrow sends begins with an escape,
    ///     and means what that means.
    ///   - hidesLog: a log is shown: the key that showed it hides it.
    mutating func read(_ bytes: [UInt8], hidesLog: Bool) -> [DevWish] {
        if bytes.first == 0x1b {
            pending = nil
            return hidesLog ? [.hideLog] : []
        }
        var isShown = hidesLog
        return bytes.compactMap { byte in
            let wish = key(byte, hidesLog: isShown)
            if wish == .hideLog { isShown = false }
            return wish
        }
    }

    private mutating func key(_ byte: UInt8, hidesLog: Bool) -> DevWish? {
        // ^C and ^D.
        if byte == 3 || byte == 4 { return .quit }
        if hidesLog, pending == nil, byte == UInt8(ascii: "l") { return .hideLog }
        let letter = Character(Unicode.Scalar(byte))
        if let deed = pending.take() {
            guard let number = letter.wholeNumberValue, (1...servers).contains(number) else {
                return nil
            }
            return .deed(deed, server: number)
        }
        if let wish = DevWish.simple(letter) { return wish }
        pending = DevWish.Deed(rawValue: letter)
        guard servers == 1, let deed = pending.take() else { return nil }
        return .deed(deed, server: 1)
    }
}

/// Lines of an input that is no terminal.
struct DevLines {
    private var rest: [UInt8] = []
    /// Whether anything ever came.
    private(set) var hasRead = false

    private static let lineBytesMax = 256

    /// The whole lines that these bytes complete; of longer ones only the beginning.
    mutating func read(_ bytes: [UInt8]) -> [String] {
        hasRead = hasRead || !bytes.isEmpty
        var lines: [String] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                lines.append(String(decoding: rest, as: UTF8.self))
                rest = []
            } else if rest.count < Self.lineBytesMax {
                rest.append(byte)
            }
        }
        return lines
    }
}
