"""The pictures of the Import page."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from docs.pictures.studio import Studio, at_rest, main_of, picture, save
from tests.browser.conftest import choose_file
from tests.support import seller_exports, seller_files

FAULTY = """\
ticket_type,purchaser_name,purchaser_email,quantity,total_amount,purchase_date,external_sale_id
Couple,Priya Katz,priya@example.org,1,280.00,2026-09-01,EXT-1
Couples,José Müller,jose@example.org,1,280.00,2026-09-01,EXT-2
Table of ten,Tomás Rossi,tomas@example.org,1,$2400,2026-09-02,EXT-3
Young professionals,Chloé Moreau,chloe(at)example.org,1,95.50,2026-09-03,EXT-4
"""


def _order(number: int, name: str, package: str, quantity: int, price: int, **more: str) -> dict[str, str]:
    total = f"{quantity * price}.00"
    return {
        "Name": f"#{number}", "Email": f"{name.split()[0].lower()}@example.org", "Financial Status": "paid",
        "Currency": "USD", "Subtotal": total, "Shipping": "0.00", "Taxes": "0.00", "Total": total,
        "Created at": f"2026-10-{number % 100:02} 10:20:00 -0400", "Lineitem quantity": str(quantity),
        "Lineitem name": package, "Lineitem price": f"{price}.00", "Billing Name": name, "Refunded Amount": "0.00",
    } | more  # fmt: skip


def choose_export(page: Page) -> None:
    """Choose an export of Shopify, and wait for the columns step."""
    orders = [
        _order(1001, "Priya Katz", "Couple", 1, 280),
        _order(1002, "Tom Rossi", "Couple", 2, 280, **{"Refunded Amount": "280.00"}),
        _order(1003, "Mei Nakamura", "Young professionals", 1, 120, **{"Financial Status": "refunded"}),
        _order(1004, "Omar Haddad", "Couple", 1, 280, **{"Cancelled at": "2026-10-06 09:00:00 -0400"}),
    ]
    content = seller_files.to_csv(seller_files.build_rows(seller_exports.SHOPIFY, *orders))
    choose_file(main_of(page), {"name": "shopify-orders.csv", "mimeType": "text/csv", "buffer": content})
    expect(page.get_by_role("heading", name="Match your columns")).to_be_visible()
    at_rest(page)


@picture("import-columns")
def take_import_columns(studio: Studio, name: str) -> None:
    with studio.window(studio.ben, "/import_sales?event={event}", (1280, 920)) as page:
        choose_export(page)
        save(name, page, part=main_of(page), height=890)


@picture("import-left-out")
def take_import_left_out(studio: Studio, name: str) -> None:
    with studio.window(studio.ben, "/import_sales?event={event}", (1280, 2600)) as page:
        choose_export(page)
        save(name, page, part=page.locator(".st-key-left_out_columns"), margin=10)


@picture("import-summary")
def take_import_summary(studio: Studio, name: str) -> None:
    with studio.window(studio.ben, "/import_sales?event={event}", (1280, 1120)) as page:
        choose_export(page)
        page.get_by_role("button", name="Take the proposals").click()
        check = page.get_by_role("button", name="Check the file")
        expect(check).to_be_enabled()
        check.click()
        expect(page.get_by_role("heading", name="Compare with the seller")).to_be_visible()
        save(name, at_rest(page), part=main_of(page))


@picture("import-problems")
def take_import_problems(studio: Studio, name: str) -> None:
    with studio.window(studio.ben, "/import_sales?event={event}", (1280, 540)) as page:
        content = FAULTY.encode()
        choose_file(main_of(page), {"name": "sales.csv", "mimeType": "text/csv", "buffer": content})
        expect(page.get_by_role("button", name="Download the problems")).to_be_visible()
        save(name, at_rest(page), part=main_of(page))
