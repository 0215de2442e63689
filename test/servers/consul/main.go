// Command consul is the Consul server and agent as a plain Go build, for tests.
//
// Consul's own module cannot be installed by version, for it carries replace
// directives; this module requires it, repeats those directives and runs the
// same commands.
package main

import (
	"fmt"
	"io"
	"log"
	"os"

	"github.com/hashicorp/consul/command"
	"github.com/hashicorp/consul/command/cli"
	_ "github.com/hashicorp/consul/service_os"
	mitchellh "github.com/mitchellh/cli"
)

func main() {
	// The agent writes through its own logger; the standard one only repeats it.
	log.SetOutput(io.Discard)
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	ui := &cli.BasicUI{BasicUi: mitchellh.BasicUi{Writer: os.Stdout, ErrorWriter: os.Stderr}}
	app := mitchellh.CLI{
		Name:        "consul",
		Args:        args,
		Commands:    command.CommandsFromRegistry(ui),
		HelpWriter:  os.Stdout,
		ErrorWriter: os.Stderr,
	}
	code, err := app.Run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "consul:", err)
		return 1
	}
	return code
}
