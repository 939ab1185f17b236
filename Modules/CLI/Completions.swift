// SPDX-License-Identifier: Apache-2.0

/// Scripts that complete commands and flags in a shell, made of the command tree. They ask nobody:
/// all they know is in them.
struct Completions {
    enum Shell: String, CaseIterable {
        case bash, zsh, fish
    }

    let tree: CommandTree

    func script(for shell: Shell) -> String {
        switch shell {
        case .bash: bash
        case .zsh: zsh
        case .fish: fish
        }
    }

    /// What may follow each path of words: other words, or flags.
    private var choices: [(path: [String], choices: [(word: String, synopsis: String)])] {
        tree.groupPaths.map { ($0, tree.children(of: $0)) }
            + tree.entries.map { entry in
                switch entry {
                case .own(let command):
                    (entry.words, command.allFlags.map { ("-\($0.name)", $0.help) })
                case .foreign(let command):
                    (entry.words, command.flagNames.map { ("-\($0)", "") })
                }
            }
    }

    /// Lines of a `case` that follow the words to the longest path that they are.
    private func follow(indent: String) -> String {
        let paths = choices.map(\.path).filter { !$0.isEmpty }
        return paths.map { "\(indent)\"\(Self.key($0))\")" }.joined(
            separator: " path=\"$path $word\" ;;\n")
            + " path=\"$path $word\" ;;\n"
    }

    /// With a blank before each word.
    private static func key(_ path: [String]) -> String { path.map { " " + $0 }.joined() }

    // MARK: bash

    private var bash: String {
        var text = """
            # bash completion for martlet: source it, or put it into
            # /usr/share/bash-completion/completions/martlet
            _martlet() {
                local cur=${COMP_WORDS[COMP_CWORD]} path="" word words="" i
                for ((i = 1; i < COMP_CWORD; i++)); do
                    word=${COMP_WORDS[i]}
                    case "$path $word" in

            """
        text += follow(indent: "        ")
        text += "        esac\n    done\n    case \"$path\" in\n"
        for (path, choices) in choices {
            let words = choices.map(\.word).joined(separator: " ")
            text += "    \"\(Self.key(path))\") words=\"\(words)\" ;;\n"
        }
        text += """
                esac
                case "$cur" in
                --*) words=" $words" words=${words// -/ --} ;;
                esac
                mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
            }
            complete -o default -F _martlet martlet

            """
        return text
    }

    // MARK: zsh

    private var zsh: String {
        var text = """
            #compdef martlet
            # zsh completion for martlet: put it into a folder of $fpath as _martlet
            _martlet() {
                local path_="" word
                local -a choices
                for word in ${words[2,CURRENT-1]}; do
                    case "$path_ $word" in

            """
        text += follow(indent: "        ").replacing("path=\"$path ", with: "path_=\"$path_ ")
        text += "        esac\n    done\n    case \"$path_\" in\n"
        for (path, choices) in choices {
            text += "    \"\(Self.key(path))\") choices=(\n"
            for choice in choices {
                let word = choice.word.replacing(":", with: "\\:")
                text += "        \(Self.quoted(word + ":" + Self.first(choice.synopsis)))\n"
            }
            text += "        ) ;;\n"
        }
        text += """
                esac
                _describe -o martlet choices || _files
            }
            if [ "$funcstack[1]" = "_martlet" ]; then _martlet "$@"; else compdef _martlet martlet; fi

            """
        return text
    }

    // MARK: fish

    private var fish: String {
        var text = """
            # fish completion for martlet: put it into ~/.config/fish/completions/martlet.fish
            function __martlet_path
                set -l path ""
                for word in (commandline -opc)[2..-1]
                    switch "$path $word"

            """
        for path in choices.map(\.path) where !path.isEmpty {
            text +=
                "            case '\(Self.key(path))'\n                set path \"$path $word\"\n"
        }
        text += "        end\n    end\n    echo -- $path\nend\n"
        for path in tree.groupPaths {
            for child in tree.children(of: path) {
                text += "complete -c martlet -f -n '\(Self.isAt(path))' -a '\(child.word)'"
                text += " -d \(Self.quoted(Self.first(child.synopsis)))\n"
            }
        }
        for entry in tree.entries {
            let here = "complete -c martlet -n '\(Self.isAt(entry.words))'"
            switch entry {
            case .own(let command):
                for flag in command.allFlags {
                    text += "\(here) -o \(flag.name)\(Self.value(of: flag))"
                    text += " -d \(Self.quoted(Self.first(flag.help)))\n"
                }
            case .foreign(let command):
                for name in command.flagNames { text += "\(here) -o \(name)\n" }
            }
        }
        return text
    }

    private static func isAt(_ path: [String]) -> String {
        "test (__martlet_path) = \"\(key(path))\""
    }

    private static func value(of flag: Flag) -> String {
        switch flag.kind {
        case .onOff, .setting: ""
        case .file: " -r -F"
        case .choice(let values): " -x -a \(quoted(values.joined(separator: " ")))"
        case .text, .list, .count, .duration: " -x"
        }
    }

    /// The first sentence, for a line beside the word.
    private static func first(_ help: String) -> String {
        let end = help.firstRange(of: ". ")?.lowerBound ?? help.endIndex
        let sentence = String(help[..<end])
        return sentence.hasSuffix(".") ? String(sentence.dropLast()) : sentence
    }

    /// For any of the three shells.
    private static func quoted(_ text: String) -> String {
        "'" + text.replacing("'", with: "’") + "'"
    }
}
