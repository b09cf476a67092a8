# Template of a formula for a tap of one's own. A release fills in `url`, `sha256` and `version`:
#
#   brew tap OWNER/retop && brew install retop
#   brew services start retop      # records, as `retop record` does
class Retop < Formula
  desc "What a machine is doing, what it was doing, and what that costs in watts"
  homepage "https://github.com/retop/retop"
  url "https://github.com/retop/retop/archive/refs/tags/v0.1.0.tar.gz"
  sha256 "REPLACE_WITH_THE_SHA256_OF_THE_ARCHIVE"
  license any_of: ["MIT", "Apache-2.0"]

  depends_on "rust" => :build
  depends_on arch: :arm64

  def install
    system "cargo", "install", *std_cargo_args(path: "crates/app")
    man1.install "crates/app/generated/retop.1"
    bash_completion.install "crates/app/generated/retop.bash" => "retop"
    fish_completion.install "crates/app/generated/retop.fish"
    zsh_completion.install "crates/app/generated/_retop"
  end

  service do
    run [opt_bin/"retop", "record", var/"log/retop"]
    keep_alive true
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/retop --version")
    assert_match "\"host\"", shell_output("#{bin}/retop --json --source sim:small --samples 1 --interval 1")
  end
end
