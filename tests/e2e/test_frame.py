"""The frame in a real browser: a cold deep link, and a bad file that does no harm."""

from __future__ import annotations

import re

from sctl.ui.frame import steps


def test_a_cold_deep_link_opens_the_page_with_its_frame(app):
    app.open("preprocess")
    app.page.get_by_role("heading", name=steps.PREPROCESS.title).wait_for()
    app.sees("No project is open.")
    links = app.page.get_by_test_id("stSidebar").get_by_role("link")
    assert "Home" in links.first.inner_text()
    assert app.page.get_by_test_id("stSidebarNav").count() == 0  # Streamlit's own list of files
    assert app.page.get_by_role("dialog").count() == 0  # Streamlit's own "Page not found"


def test_the_project_stays_in_the_address_over_pages_and_reload(app):
    app.open().click("Start a new project")
    found = re.search(r"p=([a-z0-9]{12})", app.page.url)
    assert found, app.page.url
    app.go("Marker genes")
    assert found[0] in app.page.url
    app.page.reload()
    app.idle()
    app.sees("Add a source and a target first.")
    assert found[0] in app.page.url


def test_on_a_narrow_page_columns_lie_below_each_other_and_no_button_breaks(app):
    """At 800 pixels, with the sidebar, three cards side by side would leave each of them 130."""
    app.open()
    buttons = [
        app.page.get_by_role("button", name=name, exact=True) for name in ("Try the demo", "Start a new project")
    ]
    wide = [button.bounding_box() for button in buttons]
    app.page.set_viewport_size({"width": 800, "height": 900})
    app.idle()
    narrow = [button.bounding_box() for button in buttons]
    assert wide[0]["x"] < wide[1]["x"]
    assert narrow[0]["x"] == narrow[1]["x"]
    assert narrow[0]["y"] < narrow[1]["y"]
    assert [box["height"] for box in narrow] == [box["height"] for box in wide]


def test_a_bad_file_is_explained_and_a_good_one_follows(app, tmp_path):
    bad = tmp_path / "cells.h5ad"
    bad.write_bytes(b"this is not an HDF5 file at all" * 100)
    good = tmp_path / "target.csv"
    good.write_text(_table())
    app.open().click("Start a new project")
    app.page.get_by_role("heading", name=steps.DATA.title).wait_for()
    app.idle()
    app.page.get_by_test_id("stFileUploaderDropzoneInput").nth(1).set_input_files(bad)
    app.sees("What you can do:")
    assert "Traceback" not in app.page.content()
    app.idle()  # a fresh uploader takes the place of the one that took the bad file
    app.page.get_by_test_id("stFileUploaderDropzoneInput").nth(1).set_input_files(good)
    app.sees("60 cells")


def _table() -> str:
    """A table of 40 genes × 60 cells."""
    lines = ["gene," + ",".join(f"cell{c}" for c in range(60))]
    lines += [f"GENE{g}," + ",".join(str((g * c) % 7) for c in range(60)) for g in range(40)]
    return "\n".join(lines)


def test_limits_are_drawn_with_the_mouse_and_taken_back(app):
    app.open().click("Start a new project")
    for role in ("source", "target"):
        app.click(f"Use the demo's {role}")
        app.sees(f"Demo: human pancreas, {role}")
    app.idle().click("Go on to Preprocess")
    app.sees("702 of 702")
    chart = app.page.get_by_test_id("stPlotlyChart").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    middle, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 3
    app.page.mouse.move(middle, y)
    app.page.mouse.down()
    app.page.mouse.move(middle + 60, y + 20, steps=4)
    app.page.mouse.move(middle + 120, y + 40, steps=4)
    app.page.mouse.up()
    app.page.get_by_text("702 of 702").wait_for(state="hidden", timeout=30_000)
    app.until(lambda: app.page.get_by_label("Keep from").input_value() != "", "the limit stands in its field")
    app.page.keyboard.press("Alt+z")
    app.sees("702 of 702")
    app.until(lambda: app.page.get_by_label("Keep from").input_value() == "", "the field is empty again")
