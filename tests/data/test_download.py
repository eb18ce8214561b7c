import hashlib
import http.server
import threading
import time
import urllib.request

import pytest

from sasa_nas.data.download import DownloadError, default_data_dir, fetch

CONTENT = b"some bytes" * 1000
MD5 = hashlib.md5(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/absent":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:500] if self.path == "/cut" else CONTENT)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def test_second_address_is_tried(server, tmp_path, capfd):
    target = tmp_path / "new" / "file.bin"
    fetch([f"{server}/absent", f"{server}/file"], target, md5=MD5)
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("path", "md5"), [("/cut", MD5), ("/file", "0" * 32)])
def test_half_or_wrong_files_leave_nothing_behind(server, tmp_path, path, md5):
    with pytest.raises(DownloadError, match=path) as caught:
        fetch([server + path], tmp_path / "file.bin", md5=md5)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_unreachable_address_makes_no_folder(tmp_path):
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:1"):
        fetch(["http://127.0.0.1:1/file"], tmp_path / "new" / "file.bin", md5=MD5)
    assert list(tmp_path.iterdir()) == []


def test_name_resolution_that_hangs_is_given_up(monkeypatch, tmp_path):
    release = threading.Event()

    def hang(request, timeout):
        release.wait(10)
        raise OSError("late")

    monkeypatch.setattr(urllib.request, "urlopen", hang)
    start = time.monotonic()
    with pytest.raises(DownloadError, match=r"no answer within 0\.05 seconds"):
        fetch(["http://example.invalid/file"], tmp_path / "file.bin", md5=MD5, timeout=0.05)
    assert time.monotonic() - start < 1
    release.set()


def test_unwritable_folder_is_a_download_error(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match="file"):
        fetch([f"{server}/ok"], tmp_path / "file" / "target", md5=MD5)


def test_default_folder_follows_the_cache_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_data_dir() == tmp_path / "sasa-nas" / "data"
