"""What the fields of the columns step are called."""

LABELS = {
    "external_sale_id": "Order number",
    "purchase_date": "Date of sale",
    "purchaser_name": "Purchaser's name",
    "purchaser_email": "Purchaser's e-mail address",
    "ticket_type": "Package",
    "quantity": "Quantity",
    "total_amount": "Total paid ($)",
    "promo_code": "Promo code",
    "discount_amount": "Discount ($)",
    "fee_amount": "Fee ($)",
    "payment_status": "Payment status",
    "notes": "Note",
    "purchaser_phone": "Purchaser's phone",
    "currency": "Currency",
    "time_zone": "Time zone of the sale",
    "guest_name": "Guest's name",
    "guest_email": "Guest's e-mail address",
}
