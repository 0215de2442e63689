// Writes the CustomResourceDefinitions of Istio, as its base chart has them, to the file named by the one argument.
package main

import (
	"log"
	"os"

	"istio.io/istio/manifests"
)

func main() {
	content, err := manifests.FS.ReadFile("charts/base/files/crd-all.gen.yaml")
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[1], content, 0o644); err != nil {
		log.Fatal(err)
	}
}
