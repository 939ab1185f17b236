// SPDX-License-Identifier: Apache-2.0
import MartletJSON
import Testing

@testable import MartletCLI

@Suite("Templates") struct TemplateTests {
    private static let document = """
        {"Servers":[{"Node":"a","Address":"x:1","Voter":true,"Index":7},\
        {"Node":"b","Address":"y:2","Voter":false,"Index":0}],"Name":"n","Empty":[],"Null":null,\
        "Map":{"z":1,"k":2}}
        """

    private func render(_ template: String) throws -> String {
        let node = try JSONReader.parse(Array(Self.document.utf8))
        return try Template(template).text(of: node)
    }

    @Test(
        "It shows what Go's would",
        arguments: [
            (#"{{range .Servers}}{{.Node}} {{.Address}}{{"\n"}}{{end}}"#, "a x:1\nb y:2\n"),
            ("{{.Name}}", "n"), ("plain", "plain"), ("{{ .Name }}!", "n!"),
            ("{{range .Servers}}{{if .Voter}}{{.Node}}{{else}}-{{end}}{{end}}", "a-"),
            ("{{if .Empty}}a{{else if .Null}}b{{else}}c{{end}}", "c"),
            ("{{range .Empty}}x{{else}}none{{end}}", "none"),
            ("{{if .Nope}}x{{end}}.", "."), ("{{with .Name}}{{.}}{{end}}", "n"),
            ("{{len .Servers}}", "2"), ("{{range .Servers}}{{$.Name}}{{end}}", "nn"),
            (#"{{printf "%-3s|%3d|%v%%" .Name .Name "x"}}"#, "n  |  n|x%"),
            (#"{{printf "%q" .Name}}"#, "\"n\""), ("a  {{- .Name -}}  b", "anb"),
            ("{{range .Map}}{{.}}{{end}}", "21"),
            (
                "{{.servers}}",
                "[map[Node:a Address:x:1 Voter:true Index:7] map[Node:b Address:y:2 Voter:false Index:0]]"
            ),
            ("{{range .Servers}}{{if .Index}}{{.Index}}{{end}}{{end}}", "7"),
            ("{{.Null}}", "<nil>"),
            (#"{{"a\t\"b\"\\"}}"#, "a\t\"b\"\\"),
        ])
    func shows(template: String, expected: String) throws {
        #expect(try render(template) == expected)
    }

    @Test(
        "What is wrong is said in one line",
        arguments: [
            ("{{.Nmae}}", "-t: no field .Nmae: did you mean .Name?"),
            ("{{.Name.X}}", "-t: no field .X: what it is asked of is no object"),
            ("{{.Name", "-t: an action is not closed by }}"),
            ("{{range .Servers}}", "-t: {{end}} is missing"),
            ("{{end}}", "-t: {{end}} without what it belongs to"),
            ("{{if .Name}}a{{else}}b{{else}}c{{end}}", "-t: {{end}} is missing"),
            ("{{}}", "-t: an empty action"), ("{{range}}{{end}}", "-t: a value is missing"),
            (#"{{"x}}"#, "-t: a text is not closed"), ("{{.a..b}}", "-t: \".a..b\" is no field"),
            (
                "{{template \"x\"}}",
                "-t: \"template\" is not known: there are range, if, else, with, end, len and printf"
            ),
            (#"{{printf "%s"}}"#, "-t: printf has fewer values than its format names"),
            (#"{{printf "" .Name}}"#, "-t: printf has more values than its format names"),
            (#"{{printf "%999999999999999999999s" .Name}}"#, "-t: a width of over 256"),
            (#"{{printf "%x" .Name}}"#, "-t: printf knows %s, %v, %d and %q"),
        ])
    func wrong(template: String, text: String) {
        #expect(throws: CLIFailure.usage(text)) { try render(template) }
    }

    @Test("Size, depth and output are bounded")
    func bounds() {
        let deep = String(repeating: "{{if .Name}}", count: 40)
        #expect(throws: CLIFailure.usage("-t: more than 32 blocks inside each other")) {
            try render(deep)
        }
        #expect(throws: CLIFailure.usage("-t: a template of over 65536 bytes")) {
            try render(String(repeating: "x", count: 65_537))
        }
        // 2 to the 30th words, were it not stopped.
        let wide =
            String(repeating: "{{range $.Servers}}{{range $.Servers}}", count: 15)
            + String(repeating: "{{end}}{{end}}", count: 15)
        #expect(throws: CLIFailure.usage("-t: more than 1048576 steps")) {
            try render(wide)
        }
    }

    @Test("A read prints by one")
    func read() {
        let desk = Desk()
        desk.replies["GET /v1/operator/raft/configuration"] = .ok(Self.document)
        #expect(
            desk.run([
                "operator", "raft", "list-peers", "-t", "{{range .Servers}}{{.Node}},{{end}}",
            ])
                == 0)
        #expect(desk.text == "a,b,")
        #expect(desk.run("operator raft list-peers -json -t={{.Name}}") == 2)
        #expect(desk.errors == "-json and -t exclude each other\n")
    }
}
