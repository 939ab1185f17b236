// SPDX-License-Identifier: Apache-2.0

/// Manual pages in man(7), made of the command tree: one for each group and command.
struct ManualPages {
    let tree: CommandTree
    let version: String
    /// Of the pages, as `2026-11-26`.
    let date: String

    struct Page: Equatable {
        let name: String
        let text: String

        var fileName: String { "\(name).1" }
    }

    /// The root's first.
    var all: [Page] {
        tree.groupPaths.map(page) + tree.entries.map(page)
    }

    private func page(ofGroup path: [String]) -> Page {
        let name = Self.name(path)
        var text = head(name, tree.synopsis(ofGroup: path))
        text +=
            ".SH SYNOPSIS\n.B \(Self.words(path))\n.I command\n[\\fIflags\\fR] [\\fIarguments\\fR]\n"
        text += ".SH COMMANDS\n"
        for child in tree.children(of: path) {
            text += ".TP\n.BR \(Self.escaped(Self.name(path + [child.word]))) (1)\n"
            text += "\(Self.prose(Help.sentence(child.synopsis)))\n"
        }
        if path.isEmpty { text += Self.common }
        return Page(name: name, text: text)
    }

    private func page(of entry: CommandTree.Entry) -> Page {
        let name = Self.name(entry.words)
        var text = head(name, entry.synopsis)
        switch entry {
        case .own(let command):
            text += ".SH SYNOPSIS\n.B \(Self.words(command.words))\n[\\fIflags\\fR]"
            let operands = command.operands.usage
            text += operands.isEmpty ? "\n" : " \\fI\(Self.escaped(operands))\\fR\n"
            let detail =
                command.detail.isEmpty ? Help.sentence(command.synopsis) : command.detail
            text += ".SH DESCRIPTION\n\(Self.prose(detail))\n.SH OPTIONS\n"
            for flag in command.allFlags {
                text += ".TP\n.B \(Self.escaped(flag.usage))\n\(Self.prose(flag.help))\n"
            }
        case .foreign(let command):
            text += ".SH SYNOPSIS\n.B \(Self.words(command.words))\n[\\fIflags\\fR]\n"
            text += ".SH DESCRIPTION\n.nf\n\(Self.verbatim(command.help)).fi\n"
        }
        text += ".SH SEE ALSO\n.BR martlet (1)\n"
        return Page(name: name, text: text)
    }

    private func head(_ name: String, _ synopsis: String) -> String {
        """
        .TH \(name.uppercased().replacing("-", with: "\\-")) 1 \(date) "Martlet \(version)" "Martlet"
        .SH NAME
        \(Self.filled("\(Self.escaped(name)) \\- \(Self.escaped(synopsis))"))

        """
    }

    private static let common = """
        .SH EXIT STATUS
        .TP
        .B 0
        Fine.
        .TP
        .B 1
        It could not be asked: no server answered, or a file could not be read or
        written.
        .TP
        .B 2
        It was asked, and the answer is bad or a refusal; or the command line is wrong.
        .SH ENVIRONMENT
        Each may also begin with MARTLET_, which goes first.
        .TP
        .B NOMAD_ADDR
        The server to ask, or several with commas between.
        .TP
        .B NOMAD_TOKEN
        The secret of an ACL token.
        .TP
        .BR NOMAD_REGION ", " NOMAD_NAMESPACE
        What the requests are about.
        .TP
        .BR NOMAD_CACERT ", " NOMAD_CAPATH ", " NOMAD_CLIENT_CERT ", " NOMAD_CLIENT_KEY
        Files for TLS.
        .TP
        .BR NOMAD_TLS_SERVER_NAME ", " NOMAD_SKIP_VERIFY
        Whose certificate is believed.
        .TP
        .BR NO_COLOR ", " NOMAD_CLI_NO_COLOR
        No colours.

        """

    private static func name(_ words: [String]) -> String {
        (["martlet"] + words).joined(separator: "-")
    }

    private static func words(_ words: [String]) -> String {
        escaped((["martlet"] + words).joined(separator: " "))
    }

    /// A text within a line.
    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
            .replacing("'", with: "\\(aq").replacing("…", with: "...")
    }

    /// Sentences: paragraphs where a line is empty.
    private static func prose(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.isEmpty ? ".PP" : filled(escaped(String(line)))
        }.joined(separator: "\n")
    }

    /// Lines of a source are short, whatever they are filled to: 80 bytes, where words allow it.
    private static func filled(_ text: String) -> String { broken(text, by: "\n") }

    /// - Parameter end: what parts two lines in the place of a blank.
    private static func broken(_ text: String, by end: String) -> String {
        var lines: [String] = []
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        var line = words.first.map(String.init) ?? ""
        for word in words.dropFirst() {
            let isFull = line.utf8.count + word.utf8.count + end.utf8.count > 80
            if isFull, line.contains(where: { $0 != " " }) {
                lines.append(guarded(line))
                line = String(word)
            } else {
                line += " " + word
            }
        }
        return (lines + [guarded(line)]).joined(separator: end)
    }

    private static func verbatim(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { broken(escaped(String($0)), by: " \\\n") }.joined(separator: "\n") + "\n"
    }

    /// A line that begins with a dot would be a request.
    private static func guarded(_ line: String) -> String {
        line.hasPrefix(".") ? "\\&" + line : line
    }
}
