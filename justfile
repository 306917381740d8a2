# The commands of CI under names for people; what they do stands in .ci/steps.sh alone.

[private]
default:
    @just --list --unsorted

# Install what the other recipes need: browser, fonts, Python tools, the page's packages
setup:
    .ci/steps.sh tools

# Format Rust sources
fmt:
    cargo fmt --all

# Check format, lints of every feature set, licences and documentation
check:
    .ci/steps.sh fmt clippy deny doc

# Run the Rust tests, the conformance suite among them
test:
    .ci/steps.sh test examples

# Run the conformance suite of the event stores alone
conformance:
    cargo test -p loom-studio-core --test it

# Check and test the web page
ui:
    .ci/steps.sh ui_lint ui_test

# Generate the page's API types and its bundle again, for committing
ui-build:
    npm --prefix loom-studio-server/ui run api
    npm --prefix loom-studio-server/ui run build

# Test the web page in Chromium against the release build of the server
ui-e2e:
    .ci/steps.sh build ui_e2e

# Build the Python package and test it with a real Loom application
py:
    .ci/steps.sh build wheel sdist py_types py_test

# Compile the benchmarks
benches:
    .ci/steps.sh benches

# Everything that CI runs, in its order
ci:
    .ci/run
